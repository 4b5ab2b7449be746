/** The page for approvals put together: opened when it is first asked for, and closed with the node. */
import { canonicalJsonBytes } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { gatewayUrl } from '../gateway/address.ts';
import type { Host } from '../host.ts';
import { loadAssets } from './assets.ts';
import { PageFeed } from './feed.ts';
import { PageServer } from './server.ts';
import { PageSessions } from './sessions.ts';

const loopback_host = '127.0.0.1';

/** What the page uses of a host. */
export type ApprovalsPageHost = Pick<Host, 'approvals' | 'identities' | 'identity' | 'log' | 'parts'>;

/** A link that opens the page, once. */
export interface PageLink {
  readonly url: string;
  /** Unix milliseconds. */
  readonly expires_ms: number;
}

/** A page that is served. */
export interface ApprovalsPage {
  readonly port: number;
  /** Makes a link. What proves it stands behind the `#`, which a browser sends to nobody. */
  link(): PageLink;
  /** Ends every session. */
  close(): Promise<void>;
}

/** Serves the page on the loopback interface; port 0 takes a free one. Fails with `APPROVALS_PAGE_IN_USE`, `APPROVALS_PAGE_UNUSABLE` or `APPROVALS_PAGE_MISSING`. */
export async function serveApprovalsPage(host: ApprovalsPageHost, port: number): Promise<Result<ApprovalsPage>> {
  const { approvals, log, identities, parts: { clock, random, recorder } } = host;
  const assets = await loadAssets();
  if (!assets.ok) return assets;
  const sessions = new PageSessions({ clock, random });
  const feed = new PageFeed({ clock, approvals, host });
  const { server } = new PageServer({
    clock, recorder, approvals, host, sessions, feed, assets: assets.value,
    wrong: (code) => log.append({ subject: identities.node.did, payload: canonicalJsonBytes({ kind: 'approvals-page-rejected', code, time_ms: clock.now() }) }, { durable: false }),
  });
  const close = (): Promise<void> => new Promise((resolve) => {
    feed.close();
    if (!server.listening) return resolve();
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return new Promise((resolve) => {
    const refused = (error: Error): void => {
      feed.close();
      resolve('code' in error && error.code === 'EADDRINUSE'
        ? fail('APPROVALS_PAGE_IN_USE', `something else listens on ${loopback_host} port ${port}`, { fix: 'name another --port, or none to take a free one' })
        : fail('APPROVALS_PAGE_UNUSABLE', `the page cannot listen on ${loopback_host} port ${port}: ${messageOf(error)}`, { fix: 'name a --port from 1024 to 65535' }));
    };
    server.once('error', refused);
    server.listen(port, loopback_host, () => {
      server.off('error', refused);
      server.on('error', (error) => recorder.record({ kind: 'approvals-page.fault', reason: messageOf(error) }));
      const bound = server.address();
      const bound_port = typeof bound === 'object' && bound !== null ? bound.port : port;
      const link = (): PageLink => {
        const { token, expires_ms } = sessions.link();
        return { url: `${gatewayUrl({ host: loopback_host, port: bound_port })}/#${token}`, expires_ms };
      };
      resolve(ok({ port: bound_port, link, close }));
    });
  });
}
