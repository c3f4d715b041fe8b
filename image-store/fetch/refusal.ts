import { GantryError, isGantryError } from '#base/errors/gantry-error';

/** What is wrong with an image itself, whoever serves it. */
const REFUSALS = /^(ARCHIVE|ACI|IMAGE_MANIFEST|IMAGE_TOO_LARGE|SIGNATURE|KEY)/;

const HINT = 'the image cannot be used as it is: its publisher has to build it anew';

/**
 * Does work on one image; what it is refused for names the image, which those
 * who look into archives and signatures do not know.
 * @param what the image with quotes where they are due: `image "NAME"`
 * @throws GantryError of the same code as the one that `work` throws
 */
export async function refusing<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isGantryError(error) || !REFUSALS.test(error.code)) throw error;
    if (error.message.includes(what)) throw error;

    throw new GantryError(error.code, `cannot accept ${what}`, {
      hint: error.hint ?? HINT,
      cause: error,
    });
  }
}
