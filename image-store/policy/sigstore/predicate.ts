/** What a statement is called that says no more than that an image is signed: cosign since its version 2.5. */
export const COSIGN_SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';
