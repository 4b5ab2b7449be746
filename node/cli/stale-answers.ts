/** What `up` says of peers that serve records out of date. */
import { RecentMap } from '../../crypto/recent.ts';
import type { Recorder } from '../../protocols/ports.ts';
import { visible } from './view/text.ts';

const rest_ms = 60_000;
const peers_max = 1024;

/** A recorder that says in a line which peer served an old record of which DID, at most once a minute and peer. `now` gives Unix milliseconds. */
export function staleAnswers(talk: (line: string) => void, now: () => number): Recorder {
  const said_ms = new RecentMap<string, number>(peers_max);
  return {
    record({ kind, peer, did, served, newest }) {
      if (kind !== 'identity.stale-answer' || typeof peer !== 'string') return;
      const now_ms = now();
      if (now_ms - (said_ms.get(peer) ?? -Infinity) < rest_ms) return;
      said_ms.set(peer, now_ms);
      talk(visible(`warning: peer ${peer} served an old record of ${String(did)}: version ${String(served)} instead of ${String(newest)}; it was not believed, agentmesh doctor says more`));
    },
  };
}
