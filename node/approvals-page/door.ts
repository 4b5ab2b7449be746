/** Where the page for approvals is opened: nothing of it is loaded before somebody asks. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { ApprovalsPage, ApprovalsPageHost, PageLink } from './index.ts';

/** Opens and closes the page of a node. */
export class ApprovalsPageDoor {
  readonly #host: ApprovalsPageHost;
  #opening: Promise<Result<ApprovalsPage>> | undefined;
  #is_closed = false;

  constructor(host: ApprovalsPageHost) {
    this.#host = host;
  }

  /** Whether the page is open, or about to be. */
  get is_open(): boolean {
    return this.#opening !== undefined;
  }

  /** Opens the page where it is not open yet, and gives a link. Fails with an `APPROVALS_PAGE_…` code. */
  async link(port = 0): Promise<Result<PageLink>> {
    if (this.#is_closed) return fail('APPROVALS_PAGE_UNUSABLE', 'the node is stopping');
    if (port > 65_535) return fail('APPROVALS_PAGE_UNUSABLE', 'there is no such port', { fix: 'name a --port from 1024 to 65535' });
    this.#opening ??= this.#open(port);
    const opened = await this.#opening;
    if (!opened.ok) {
      this.#opening = undefined;
      return opened;
    }
    return port === 0 || opened.value.port === port
      ? ok(opened.value.link())
      : fail('APPROVALS_PAGE_OPEN', `the page is open on port ${opened.value.port} already`, { fix: 'leave --port out, or first: agentmesh approvals page --close' });
  }

  async #open(port: number): Promise<Result<ApprovalsPage>> {
    const { serveApprovalsPage } = await import('./index.ts');
    return serveApprovalsPage(this.#host, port);
  }

  /** Closes the page and ends its sessions. */
  async shut(): Promise<void> {
    const opened = await this.#opening;
    this.#opening = undefined;
    if (opened?.ok === true) await opened.value.close();
  }

  /** Closes it for good, with the node. */
  async close(): Promise<void> {
    this.#is_closed = true;
    await this.shut();
  }
}
