export { NSPAWN_ENTRYPOINTS, nspawnManifest } from './aci/manifest.ts';
export { STAGE1_ROOT_PATH, type Stage1Root } from './aci/stage1-root.ts';
export { BACKOFF_PATH, backoffScript } from './units/backoff.ts';
export { BASE_UNITS, EXIT_ALIASES, REAPER_PATH } from './units/base-units.ts';
export { ENTERED_PATH, enteredScript } from './units/entered.ts';
export { HANG_UP_PATH, hangUpScript } from './units/hang-up.ts';
export { JOURNALD_CONF, SYSTEM_CONF } from './units/manager-config.ts';
export { reaperScript } from './units/reaper.ts';
export { TERMINAL_SCRIPT_PATH, terminalScript } from './units/terminal.ts';
export { UNIT_DIR, writeUnits } from './units/write-unit.ts';
export {
  STALLED_SCRIPT_PATH,
  STREAM_SCRIPT_PATH,
  stalledScript,
  streamScript,
} from './units/stream-script.ts';
