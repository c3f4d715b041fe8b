/** How servers are talked to. */
export interface HttpOptions {
  /** What servers are told about the user, by host. */
  readonly auth?: readonly HostCredential[] | undefined;
  readonly proxies?: Proxies | undefined;
  /** PEM files of certificate authorities that are trusted beside the system's. */
  readonly certificateFiles?: readonly CertificateFile[] | undefined;
  /** Folders with one for each host that has certificates of its own, lowest first: containers-certs.d(5). */
  readonly certificateDirs?: readonly string[] | undefined;
  readonly timeouts?: Partial<HttpTimeouts> | undefined;
  readonly retries?: Partial<HttpRetries> | undefined;
}

/** A file and the variable of the environment that names it. */
export interface CertificateFile {
  readonly path: string;
  readonly namedBy: string;
}

/** An entry of `auth.d` (fact sheet 2.3). */
export interface HostCredential {
  /** `host` or `host:port`; matched whole, never a part of a name. */
  readonly domain: string;
  readonly credential: Credential;
}

export type Credential =
  | { readonly type: 'basic'; readonly user: string; readonly password: string }
  | { readonly type: 'oauth'; readonly token: string }
  | {
      readonly type: 'aws';
      readonly accessKeyID: string;
      readonly secretAccessKey: string;
      /** Guessed from the host unless told. */
      readonly awsRegion?: string | undefined;
    };

/** URLs of proxies, and who is reached without one. */
export interface Proxies {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  /** A comma list of hosts, as in NO_PROXY. */
  readonly none?: string | undefined;
}

/** Milliseconds. */
export interface HttpTimeouts {
  /** Until the connection stands, TLS included. */
  readonly connect: number;
  /** From there to the first line of the answer. */
  readonly answer: number;
  /** Between two pieces of the answer, while we are ready to take one. */
  readonly stall: number;
}

export interface HttpRetries {
  /** How often one request is tried; a download that moves on starts to count again. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled for each further one. */
  readonly delay: number;
  /** The longest pause, what a server asks for included. */
  readonly maxDelay: number;
}
