/** What a sandboxed program may use. */
export interface SandboxLimits {
  /** Memory of the program: its heap in QuickJS, its writable memory as a process. */
  readonly memory_bytes: number;
  /** Processor time of a process; QuickJS is bounded by its time alone. */
  readonly cpu_ms: number;
  /** Time from start to end, stopped time included. */
  readonly wall_ms: number;
  /** What is kept of what it prints; the rest is counted and dropped. */
  readonly output_bytes: number;
  /** One message between it and the kernel: a call with its payload, an answer, its result. */
  readonly message_bytes: number;
  /** Calls that may be under way at once. */
  readonly calls: number;
  /** Files that a process may have open. */
  readonly open_files: number;
  /** Bytes that a process may write into one file. */
  readonly file_bytes: number;
  /** Bytes that fit into each of the two folders for temporary files that bubblewrap gives it, which lie in memory. */
  readonly temporary_bytes: number;
  /** Processes and threads of its user, those that run already too: a desktop has some hundreds. The system does not hold root to it. */
  readonly processes: number;
}

/** Limits of a QuickJS program where nobody says. */
export const quickjs_limits: SandboxLimits = {
  memory_bytes: 64 * 1024 * 1024,
  cpu_ms: 60_000,
  wall_ms: 300_000,
  output_bytes: 1024 * 1024,
  message_bytes: 1024 * 1024,
  calls: 64,
  open_files: 256,
  file_bytes: 1024 * 1024 * 1024,
  temporary_bytes: 256 * 1024 * 1024,
  processes: 4_096,
};

/** Limits of a process where nobody says. An engine such as Node.js counts three quarters of a gibibyte as its own before it does anything. */
export const process_limits: SandboxLimits = { ...quickjs_limits, memory_bytes: 1024 * 1024 * 1024 };
