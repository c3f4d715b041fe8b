import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CniCommand, JsonObject } from '#cni';

/** One call that a scripted plugin got. */
export interface RecordedPluginCall {
  readonly plugin: string;
  readonly command: string;
  /** Its variables that begin with `CNI_`. */
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input. */
  readonly config: JsonObject;
}

/** A folder of scripted plugins. */
export interface PluginFolder {
  readonly dir: string;
  /**
   * Puts a plugin there that is as good as any, but for the commands that have
   * a script of shell statements. Again, for other scripts.
   */
  install(name: string, scripts?: Partial<Readonly<Record<CniCommand, string>>>): void;
  /** The calls so far, VERSION left out unless asked for. */
  calls(options?: { readonly withVersion?: boolean }): readonly RecordedPluginCall[];
  /** The calls so far as `plugin COMMAND`, VERSION left out. */
  callNames(): readonly string[];
  forgetCalls(): void;
}

const PROGRAM = join(import.meta.dirname, 'cni-plugin.sh');

/** Makes a folder for scripted plugins. */
export function createPluginFolder(dir: string): PluginFolder {
  for (const name of ['scripts', 'calls']) mkdirSync(join(dir, name), { recursive: true });

  const calls: PluginFolder['calls'] = ({ withVersion = false } = {}) =>
    readdirSync(join(dir, 'calls'))
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map((name) => readCall(readFileSync(join(dir, 'calls', name), 'utf8')))
      .filter(({ command }) => withVersion || command !== 'VERSION');

  return {
    dir,
    install(name, scripts = {}) {
      copyFileSync(PROGRAM, join(dir, name));
      for (const [command, text] of Object.entries(scripts)) {
        writeFileSync(join(dir, 'scripts', `${name}.${command}`), `${text}\n`);
      }
    },
    calls,
    callNames: () => calls().map(({ plugin, command }) => `${plugin} ${command}`),
    forgetCalls() {
      rmSync(join(dir, 'calls'), { recursive: true });
      mkdirSync(join(dir, 'calls'));
    },
  };
}

/** The shell statements of a plugin that prints a value and succeeds, or fails with an exit code. */
export function printJson(value: unknown, exitCode = 0): string {
  return `cat <<'END_OF_JSON'\n${JSON.stringify(value)}\nEND_OF_JSON\nexit ${exitCode}`;
}

function readCall(record: string): RecordedPluginCall {
  const [head = '', config = ''] = record.split('\nEND\n');
  const [plugin = '', ...variables] = head.split('\n');
  const env = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  ) as Record<string, string>;

  return {
    plugin,
    command: env['CNI_COMMAND'] ?? '',
    env,
    config: JSON.parse(config) as JsonObject,
  };
}
