export declare function takeLock(lock: string, waitMs: number): (() => void) | undefined;
