/** The programs for the rules of one family of addresses. */
export interface IptablesFamily {
  readonly program: string;
  readonly save: string;
  readonly restore: string;
}

/** The host's iptables, which the plugins use as well. */
export const IPTABLES: Readonly<Record<'v4' | 'v6', IptablesFamily>> = {
  v4: { program: 'iptables', save: 'iptables-save', restore: 'iptables-restore' },
  v6: { program: 'ip6tables', save: 'ip6tables-save', restore: 'ip6tables-restore' },
};

export const NETWORK_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** As long as a plugin may take: what holds the rules' lock may be one. */
export const TIME_LIMIT_MS = 60_000;
