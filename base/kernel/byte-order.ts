/** Which end of a number this machine writes first; without node:os, which not every command loads. */
export function byteOrder(): 'BE' | 'LE' {
  return new Uint16Array(new Uint8Array([1, 0]).buffer)[0] === 1 ? 'LE' : 'BE';
}
