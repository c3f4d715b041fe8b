declare const brand: unique symbol;

/**
 * A string that its parser has accepted. One that carries several names may
 * stand where any of them is asked for: an AC name is an AC identifier too.
 */
export type Branded<Name extends string> = string & {
  readonly [brand]: { readonly [Key in Name]: true };
};
