import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';

// Serves the files of a folder over HTTPS on a free port of loopback, in a
// process of its own so that it shares no thread with what is measured.
// Arguments: FOLDER KEY CERTIFICATE; prints the port.

const [folder = '', key = '', certificate = ''] = process.argv.slice(2);
const server = createServer(
  { key: readFileSync(key), cert: readFileSync(certificate) },
  (request, response) => {
    const name = (request.url ?? '').split('/').at(-1) ?? '';
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }

    response.writeHead(200, { 'content-length': found.size });
    createReadStream(path, { highWaterMark: 256 * 1024 }).pipe(response);
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
