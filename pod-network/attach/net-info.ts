import { isIPv4 } from 'node:net';
import { type Attachment, findPlugin, type ResultAddress } from '#cni';
import type { NetInfo } from '#stage1';
import type { PlannedAttachment } from './plan-attachments.ts';

/** What is kept of an attachment for those who look at the pod. */
export function netInfoOf(
  { network: { config, wanted } }: PlannedAttachment,
  attachment: Attachment,
  pluginDirs: readonly string[],
): NetInfo {
  const { ifName } = attachment.parameters;
  const ips = podAddresses(attachment);
  const first = ips.find(({ address }) => isIPv4(bare(address))) ?? ips[0];
  const link = attachment.result?.interfaces.find(
    ({ name, sandbox }) => name === ifName && isInside(sandbox),
  );

  return {
    netName: config.name,
    netConf: config.source,
    pluginPath: findPlugin(config.plugins[0]?.type ?? '', pluginDirs),
    ifName,
    ip: first === undefined ? '' : bare(first.address),
    args: wanted.argsText,
    mask: first === undefined ? '' : maskOf(first.address),
    ips: ips.map(({ address }) => address),
    gateway: first?.gateway,
    mac: link?.mac,
  };
}

/** The addresses on the pod's side. Older results tell of no interfaces: there all are. */
export function podAddresses({ result }: Attachment): readonly ResultAddress[] {
  const { ips = [], interfaces = [] } = result ?? {};

  return ips.filter(
    ({ interface: at }) => at === undefined || isInside(interfaces[at]?.sandbox) || at < 0,
  );
}

/** An address without its prefix length. */
export function bare(address: string): string {
  return address.split('/')[0] ?? address;
}

function isInside(sandbox: string | undefined): boolean {
  return sandbox !== undefined && sandbox !== '';
}

/** `255.255.255.0` for `/24`; nothing for IPv6. */
function maskOf(address: string): string {
  const [ip = '', length = ''] = address.split('/');
  if (!isIPv4(ip)) return '';
  const bits = (0xffff_ffff << (32 - Number(length))) >>> 0;

  return [24, 16, 8, 0]
    .map((shift) => (Number(length) === 0 ? 0 : (bits >>> shift) & 0xff))
    .join('.');
}
