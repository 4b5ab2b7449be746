/** What is known about SQL words: the lists that the SQL detector decides by. Whatever is not listed counts as dangerous. */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Statements that read, begin or end, or tidy up, and lose no data. */
export const harmless_verbs: ReadonlySet<string> = words(`
  SELECT VALUES TABLE SHOW DESCRIBE DESC BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE END ABORT USE HELP
  FETCH MOVE CLOSE LISTEN UNLISTEN DEALLOCATE ANALYZE ANALYSE REINDEX REFRESH OPTIMIZE CHECK CHECKSUM`);

/** Of these, the ones that change nothing at all. */
export const reading_verbs: ReadonlySet<string> = words(`
  SELECT VALUES TABLE SHOW DESCRIBE DESC BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE END ABORT USE HELP
  FETCH MOVE CLOSE EXPLAIN WITH PRAGMA DECLARE`);

/** What may follow a word that begins or ends a transaction. */
export const transaction_words: ReadonlySet<string> = words(`
  TRANSACTION WORK ISOLATION LEVEL SERIALIZABLE REPEATABLE READ COMMITTED UNCOMMITTED ONLY WRITE NOT DEFERRABLE WITH CONSISTENT SNAPSHOT
  DEFERRED IMMEDIATE EXCLUSIVE CONCURRENT AND NO CHAIN RELEASE`);

/** Words that make a statement with a reading verb more than reading. */
export const writing_words: ReadonlySet<string> = words('INSERT UPDATE DELETE MERGE REPLACE INTO SHARE');

/** What CREATE may create. */
export const harmless_creations: ReadonlySet<string> = words('TABLE INDEX VIEW SEQUENCE SCHEMA DATABASE TYPE DOMAIN STATISTICS COLLATION');

/** Words between CREATE and what it creates. */
export const creation_modifiers: ReadonlySet<string> = words('TEMP TEMPORARY GLOBAL LOCAL UNLOGGED UNIQUE MATERIALIZED RECURSIVE FULLTEXT SPATIAL');

/** Modules of SQLite's virtual tables that keep to the database. */
export const harmless_modules: ReadonlySet<string> = words('FTS3 FTS4 FTS5 RTREE RTREE_I32 GEOPOLY SPELLFIX1 VEC0');

/** Settings of a session that weaken no safeguard and redirect nothing. */
export const harmless_settings: ReadonlySet<string> = words(`
  NAMES CHARSET TIMEZONE TIME_ZONE DATESTYLE INTERVALSTYLE STATEMENT_TIMEOUT LOCK_TIMEOUT IDLE_IN_TRANSACTION_SESSION_TIMEOUT
  MAX_EXECUTION_TIME APPLICATION_NAME CLIENT_ENCODING CLIENT_MIN_MESSAGES EXTRA_FLOAT_DIGITS WORK_MEM RANDOM_PAGE_COST ENABLE_SEQSCAN
  LC_TIME_NAMES NLS_DATE_FORMAT JIT GROUP_CONCAT_MAX_LEN AUTOCOMMIT INNODB_LOCK_WAIT_TIMEOUT NET_READ_TIMEOUT NET_WRITE_TIMEOUT`);

/** Pragmas that only report. */
export const reading_pragmas: ReadonlySet<string> = words(`
  TABLE_INFO TABLE_XINFO TABLE_LIST INDEX_LIST INDEX_INFO INDEX_XINFO FOREIGN_KEY_LIST FOREIGN_KEY_CHECK DATABASE_LIST
  COLLATION_LIST FUNCTION_LIST MODULE_LIST PRAGMA_LIST COMPILE_OPTIONS INTEGRITY_CHECK QUICK_CHECK PAGE_COUNT PAGE_SIZE
  FREELIST_COUNT ENCODING USER_VERSION SCHEMA_VERSION APPLICATION_ID DATA_VERSION FOREIGN_KEYS JOURNAL_MODE SYNCHRONOUS CACHE_SIZE
  MMAP_SIZE MAX_PAGE_COUNT AUTO_VACUUM BUSY_TIMEOUT TEMP_STORE LOCKING_MODE RECURSIVE_TRIGGERS SECURE_DELETE QUERY_ONLY READ_UNCOMMITTED
  CELL_SIZE_CHECK DEFER_FOREIGN_KEYS WAL_AUTOCHECKPOINT THREADS STATS CASE_SENSITIVE_LIKE TRUSTED_SCHEMA ANALYSIS_LIMIT`);

/** Pragmas that strengthen a safeguard with these values, or change only how long and in how much memory a session works. */
export const guarding_pragmas: ReadonlyMap<string, RegExp> = new Map([
  ...['FOREIGN_KEYS', 'QUERY_ONLY', 'SECURE_DELETE', 'CELL_SIZE_CHECK'].map((name) => [name, /^(?:ON|1|TRUE|YES)$/i] as const),
  ['TRUSTED_SCHEMA', /^(?:OFF|0|FALSE|NO)$/i], ['JOURNAL_MODE', /^WAL$/i], ['SYNCHRONOUS', /^(?:NORMAL|FULL|EXTRA|[123])$/i],
  ...['BUSY_TIMEOUT', 'CACHE_SIZE'].map((name) => [name, /^\d{1,9}$/] as const), ['TEMP_STORE', /^(?:MEMORY|2)$/i],
]);

/** Tables of a database about itself: who writes there changes schema, rights or settings. */
export const catalog_name: RegExp = /^(?:pg_(?!temp)\w+|information_schema|performance_schema|mysql|sys|sqlite_(?:master|schema|temp_master|temp_schema|sequence|stat\d)|cron)$/i;

/** Words that are values. */
export const constants: ReadonlySet<string> = words(`
  TRUE FALSE NULL DEFAULT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_USER SESSION_USER CURRENT_ROLE
  UTC_DATE UTC_TIME UTC_TIMESTAMP SYSDATE`);

/** Units of time, which follow a number or open EXTRACT. */
export const units: ReadonlySet<string> = words(`
  MICROSECOND MILLISECOND SECOND SECONDS MINUTE MINUTES HOUR HOURS DAY DAYS WEEK WEEKS MONTH MONTHS QUARTER YEAR YEARS DECADE CENTURY DOW DOY EPOCH
  DAY_HOUR DAY_MINUTE DAY_SECOND HOUR_MINUTE HOUR_SECOND MINUTE_SECOND YEAR_MONTH`);

/** Words that may stand before a string and give it a type or a character set. */
export const literal_prefix: RegExp = /^(?:DATE|TIME|TIMESTAMP|TIMESTAMPTZ|DATETIME|INTERVAL|N|X|B|E|UUID|INET|JSON|JSONB|BINARY|_\w+)$/;

/** Words that are never a column unless quoted. */
export const reserved: ReadonlySet<string> = words(`
  ALL AND ANY ARRAY AS ASC BETWEEN BY CASE CAST COLLATE CONVERT CREATE CROSS DEFAULT DELETE DESC DISTINCT DIV DROP ELSE END ESCAPE EXCEPT EXISTS
  FOR FROM GLOB GROUP HAVING ILIKE IN INNER INSERT INTERSECT INTERVAL INTO IS ISNULL JOIN LEFT LIKE LIMIT MATCH MOD NATURAL NOT NOTNULL
  ON OR ORDER OUTER REGEXP RETURNING RIGHT RLIKE ROW SELECT SET SIMILAR SOME THEN TO UNION UNIQUE UPDATE USING VALUES WHEN WHERE WITH XOR`);

/** Functions whose result still depends on the one column inside. */
export const column_functions: ReadonlySet<string> = words(`
  LOWER UPPER TRIM BTRIM DATE DATETIME TIME YEAR MONTH DAY HOUR WEEK QUARTER DAYOFWEEK CAST DATE_TRUNC EXTRACT DATE_PART STRFTIME DATE_FORMAT TO_CHAR
  LENGTH CHAR_LENGTH JSON_EXTRACT JSON_UNQUOTE JSON_VALUE JSONB_EXTRACT_PATH_TEXT HEX MD5 DATEDIFF TIMESTAMPDIFF AGE JULIANDAY UNIXEPOCH UNIX_TIMESTAMP UUID`);
