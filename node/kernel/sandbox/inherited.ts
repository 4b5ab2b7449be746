/** Descriptors that our own process was started with and would hand on to every program that it starts. */
import { readdirSync, readFileSync } from 'node:fs';

/** O_CLOEXEC, with which Node.js opens all that is its own. */
const closes_on_exec = 0o2000000;

/** The descriptors above the standard streams that stay open in a program that we start. Linux only: elsewhere none is found. Source: proc_pid_fdinfo(5). */
export function inheritedDescriptors(): readonly number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number).filter((descriptor) => descriptor > 2 && isHandedOn(descriptor));
  } catch {
    return [];
  }
}

function isHandedOn(descriptor: number): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')) ?? [];
    return flags !== undefined && (Number.parseInt(flags, 8) & closes_on_exec) === 0;
  } catch {
    // That by which the folder was read is closed again.
    return false;
  }
}
