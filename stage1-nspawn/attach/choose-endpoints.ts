import { GantryError } from '#base/errors/gantry-error';
import { type AttachArguments, type Endpoint, endpointsOf, type StdioModes } from '#stage1';

/**
 * The endpoints that a client attaches to.
 * @throws GantryError ATTACH_NO_ENDPOINT
 */
export function chooseEndpoints(
  { action, app, endpoints }: AttachArguments,
  modes: StdioModes,
): readonly Endpoint[] {
  const available = endpointsOf(modes);
  if (available.length === 0) {
    throw new GantryError(
      'ATTACH_NO_ENDPOINT',
      `cannot attach to app "${app}": none of its streams can be attached to`,
      {
        hint: 'run it with --stdin, --stdout and --stderr=stream, or =tty; "gantry logs" shows what it says',
      },
    );
  }
  if (action !== 'custom-attach') return available;

  const missing = endpoints.find((each) => !available.includes(each));
  if (missing === undefined) return endpoints;
  throw new GantryError(
    'ATTACH_NO_ENDPOINT',
    `cannot attach to ${missing} of app "${app}": it does not lead there`,
    { hint: `there are ${available.join(', ')}` },
  );
}
