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

/**
 * Seeds of V8's random numbers, one of which the launcher picks for each start.
 * From it V8 derives the secret of its hash tables by looking for three prime
 * numbers, slowly: 5 ms on the average, up to 12, of the 35 that Node takes to
 * start. With these it tests 37 to 47 candidates, half of the usual (V8 14.6,
 * rapidhash's secret; the least of 3,000). Any seed would do, so another V8 only
 * takes the gain away. Sixty-four are enough: whoever would fill a table with names
 * of one hash must hit each of them within the limits of a manifest. Math.random()
 * follows from the seed too; nothing secret may come from it, nor does.
 */
export const RANDOM_SEEDS: readonly number[] = [
  28, 32, 136, 154, 163, 167, 182, 191, 227, 237, 312, 385, 457, 463, 468, 487, 580, 643, 718, 769,
  783, 797, 817, 837, 855, 917, 922, 943, 1157, 1241, 1244, 1249, 1279, 1375, 1466, 1476, 1540,
  1567, 1783, 1802, 1986, 2083, 2104, 2142, 2178, 2200, 2228, 2305, 2344, 2350, 2365, 2392, 2438,
  2536, 2559, 2611, 2617, 2699, 2720, 2735, 2758, 2824, 2930, 2954,
];
