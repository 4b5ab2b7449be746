import { mysql_set } from './sql-set-mysql.ts';
import { postgresql_set } from './sql-set-postgresql.ts';
import { sqlite_set } from './sql-set-sqlite.ts';

/** Statements with one label, and what they have in common. */
export interface SqlGroup {
  readonly why: string;
  readonly destructive: boolean;
  readonly statements: readonly string[];
}

/** The first labelled set: per dialect, groups of statements. */
export const first_set: Readonly<Record<'postgresql' | 'mysql' | 'sqlite', readonly SqlGroup[]>> = {
  postgresql: postgresql_set,
  mysql: mysql_set,
  sqlite: sqlite_set,
};
