/** What the thread of a QuickJS program and the kernel's thread say to each other. */

/** What a worker is started with. */
export interface QuickJsStart {
  readonly program: string;
  readonly memory_bytes: number;
  readonly message_bytes: number;
  /** Calls that may be under way at once. */
  readonly calls: number;
  /** Words of 32 bits: at {@link stopped_word} 1 while the program is stopped, at {@link unheard_word} how many of its messages nobody has heard yet. */
  readonly words: SharedArrayBuffer;
}

/** The word that stops the program. */
export const stopped_word = 0;
/** The word that counts what nobody has heard yet. */
export const unheard_word = 1;
/** Messages of a program that may be on their way: the queue of a port has no bound of its own. */
export const unheard_messages_max = 16;

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
