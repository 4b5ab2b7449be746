/** The topic on which cosigned checkpoints are pushed: each message is the note itself. */
export const checkpoint_topic = '/agentmesh/checkpoint/1';

/** The longest note that is pushed: sixteen signature lines with the longest names fit. */
export const pushed_note_bytes_max = 8_192;
/** Logs that one host follows, whoever they belong to. */
export const followed_logs_max = 4_096;
/** Further ones, of hosts that this one has met: strangers without number must not keep out those that matter. */
export const met_logs_max = 1_024;
/** How long a log without news is followed although others wait for its place. */
export const quiet_ms_max: number = 7 * 86_400_000;
/** How long one that has left a question unanswered is, without news and while others wait for its place. */
export const owing_ms_max: number = 28 * 86_400_000;
/** Checkpoints of all logs that are remembered because they were explained. */
export const explained_notes_max = 8_192;
/** Proofs between checkpoints of logs that are kept for peers who cannot reach those logs. */
export const proofs_kept_max = 2_048;
/** Checkpoints of one log that wait for a proof. */
export const open_challenges_max = 4;

/** Pushed notes that are looked at from one peer within a minute. */
export const pushes_per_window_max = 3_000;
/** Signed notes of one log that are taken within a minute. */
export const notes_per_log_window_max = 60;
/** Signed notes of one log that contradict another of it and are made evidence of within a minute: one is enough. */
export const rivals_per_log_window_max = 12;
/** Signed notes of one log, smaller than what is known of it, for which a proof is asked within a minute. */
export const smaller_notes_per_log_window_max = 12;

/** The mean time from a note to the question for its proof, so that notes that come together need one round. */
export const first_ask_ms = 500;
/** The time from the first question without an answer to the second; each further one takes twice as long. */
export const retry_ms_min = 2_000;
/** The longest time between two questions. */
export const retry_ms_max = 60_000;
/** Logs that are asked at once, of hosts that were met and as many of others. */
export const asked_at_once_max = 16;
/** Peers that are asked for a proof when the log itself gives none. */
export const others_asked_max = 2;
/** How long a log may leave a challenge unanswered before it is suspected. */
export const unanswered_ms_max = 600_000;
/** Questions in vain before a log is suspected. */
export const tries_min = 3;
/** The most that one question in vain adds to the time without an answer: the host may have slept between two. */
export const counted_gap_ms_max = 240_000;

/** Bytes of the first entry of a log that is read: the note in it, and what is kept. */
export const first_entry_bytes_max = 4_096;
/** Logs of one host, those followed last, that are held against each other. */
export const linked_logs_max = 16;
/** First entries that are asked of one host before others have their turn. */
export const first_entries_per_round_max = 8;
/** Rounds after which it is told that a log is not shown to follow the one before it. */
export const succession_tries_min = 5;
/** The longest time between two rounds. */
export const succession_retry_ms_max = 600_000;

/** Time from a connection to the first look at what the peer has seen of logs. */
export const heads_settle_ms = 2_000;
/** Mean time between two looks at what some peer has seen of logs. */
export const heads_period_ms = 300_000;
/** The longest time that one peer is given to show what it has seen: others wait meanwhile. */
export const heads_take_ms_max = 60_000;
/** Pages that are taken from one peer at a time: more than all logs that are followed. */
export const heads_pages_max = 256;
/** Notes on one page. */
export const heads_per_page_max = 64;
/** Bytes of the notes on one page. */
export const heads_page_bytes_max = 131_072;
