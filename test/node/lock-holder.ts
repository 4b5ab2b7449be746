/** Takes the lock of the folder that it is given, says so, and holds it until it is killed. */
import { lockFolder } from '../../node/folder-lock.ts';

const locked = lockFolder(process.argv[2] ?? '');
process.stdout.write(`${locked.ok ? 'held' : locked.failure.code}\n`);
if (locked.ok) setInterval(() => undefined, 60_000);
