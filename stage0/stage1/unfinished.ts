/** Whether something that was loaded into this process has been given up and may run on: then it does not end by itself. */
export const unfinished = { any: false };
