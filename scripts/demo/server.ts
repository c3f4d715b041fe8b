import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:https';
import { HOST, IMAGE, type Materials, VERSION } from './materials.ts';

/**
 * Serves the images, their signatures and the key over HTTPS on loopback, and
 * the page with the meta tags by which an image's name leads to them.
 */
export async function serve(materials: Materials): Promise<AsyncDisposable> {
  const files: Readonly<Record<string, string>> = {
    [`/files/web-${VERSION}.aci`]: materials.signed,
    [`/files/web-${VERSION}.aci.asc`]: `${materials.signed}.asc`,
    '/files/unsigned.aci': materials.unsigned,
    '/files/tampered.aci': materials.tampered,
    '/files/tampered.aci.asc': `${materials.tampered}.asc`,
    '/files/signing-key.asc': materials.publicKey,
  };
  const server = createServer(
    { key: readFileSync(materials.certificateKey), cert: readFileSync(materials.certificate) },
    (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', `https://${HOST}`);
      const file = files[pathname];
      if (file !== undefined) {
        response.writeHead(200, { 'content-length': statSync(file).size });
        createReadStream(file).pipe(response);
      } else if (searchParams.get('ac-discovery') === '1' && pathname === '/demo/web') {
        response.writeHead(200, { 'content-type': 'text/html' }).end(discoveryPage());
      } else {
        response.writeHead(404).end();
      }
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(443, '127.0.0.1', resolve);
  });

  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function discoveryPage(): string {
  return `<!doctype html>
<title>${IMAGE}</title>
<meta name="ac-discovery" content="${IMAGE} https://${HOST}/files/web-{version}.{ext}">
<meta name="ac-discovery-pubkeys" content="${IMAGE} https://${HOST}/files/signing-key.asc">
`;
}
