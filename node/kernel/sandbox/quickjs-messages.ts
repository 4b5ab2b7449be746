/** What the thread of a QuickJS program and the kernel's thread say to each other. */

/** What a worker is started with. */
export interface QuickJsStart {
  readonly program: string;
  readonly memory_bytes: number;
  readonly message_bytes: number;
  /** One 32-bit word: 1 while the program is stopped. */
  readonly gate: SharedArrayBuffer;
}

/** From the program. `text` is JSON that was made inside of the sandbox. */
export type FromQuickJs =
  | { readonly kind: 'call'; readonly id: number; readonly text: string }
  | { readonly kind: 'print'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'returned'; readonly text: string }
  | { readonly kind: 'failed'; readonly code: string; readonly reason: string };

/** To the program: the answer to a call, as JSON. */
export interface ToQuickJs {
  readonly id: number;
  readonly ok: boolean;
  readonly text: string;
}
