/** What stands behind the routes of the sidecar. */
import type { Json } from '../../crypto/canonical.ts';
import type { Actions } from '../actions.ts';
import type { Host } from '../host.ts';
import type { OpenCalls } from './calls.ts';
import type { SignalFeeds } from './feeds.ts';
import type { ToolFeeds } from './tool-feeds.ts';

/** How a program introduces itself. */
export interface Introduction {
  readonly name: string;
  readonly framework: string | null;
  readonly version: string | null;
}

/** What routes use. */
export interface SidecarServices {
  readonly host: Pick<Host, 'identities' | 'files' | 'tools'>;
  readonly actions: Pick<Actions, 'call'>;
  readonly calls: OpenCalls;
  readonly feeds: Pick<SignalFeeds, 'stream'>;
  readonly tool_feeds: Pick<ToolFeeds, 'stream' | 'answer'>;
  /** The version of this program. */
  readonly version: string;
  /** Writes down who has introduced itself as an agent. Fails as the audit log does. */
  introduced(did: string, introduction: Introduction): Promise<{ readonly index: number } | undefined>;
  openapi(): Json;
}
