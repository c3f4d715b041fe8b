/**
 * What Node is started with: a command lives a tenth of a second, and what V8
 * prepares for long ones costs more than it brings. V8 takes kept code only
 * when most of these are what they were when the code was made.
 */
export const NODE_FLAGS: readonly string[] = [
  // A signal must not open a debugger, to which everybody on the machine may connect;
  // it waits until the program becomes the pod.
  '--disable-sigusr1',
  // One thread to compile and collect garbage with, not four.
  '--v8-pool-size=1',
  // Only WebAssembly wants its address space reserved and its faults caught.
  '--disable-wasm-trap-handler',
  // Megabytes: a short command ends before the first garbage is collected. A
  // fetch fills three times as much with what it could have collected.
  '--min-semi-space-size=2',
  // Better code pays for itself in loops over data, not in a start.
  '--invocation-count-for-maglev=4000',
  '--invocation-count-for-maglev-osr=1000',
  '--invocation-count-for-turbofan=20000',
  '--invocation-count-for-osr=5000',
  '--baseline-batch-compilation-threshold=65536',
];
