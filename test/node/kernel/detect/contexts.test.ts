import * as assert from 'uvu/assert';
import { findPii } from '../../../../node/kernel/detect/pii.ts';
import { findSecrets } from '../../../../node/kernel/detect/secret.ts';
import { sqlFacets } from '../../../../node/kernel/detect/sql.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/detect/contexts');

const secret = 'q7Wz!m4Kd9T';
const drawn = 'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY';

/** The type of what is found, and that the value stands in it whole. */
function holds(text: string, value: string): void {
  const [found] = findSecrets(text);
  assert.ok(found !== undefined && text.slice(found.start, found.end).includes(value), text);
}

test('a password is one whatever runs together with its name, and however it is declared', () => {
  for (const text of [`PGPASSWORD=${secret} psql`, `dbPassword = "${secret}"`, `const userPassword: string = '${secret}';`, `password -> ${secret}`, `app.secret = b'${secret}'`, `Das Passwort lautet ${secret}`, `Root password set to ${secret}`]) holds(text, secret);
  for (const text of ['showPassword: false', 'hasPassword=true', 'newPassword: string;', 'password: !vault |', "privateKey: '0x...'", 'password: !Ref DbPassword', 'Das Passwort lautet immer anders', 'dbPassword: ${{ secrets.DB }}']) assert.equal(findSecrets(text), [], text);
});

test('options of commands, statements and the files of clients have places where only a password stands', () => {
  for (const text of [
    `tool --db-password ${secret}`, `docker login -u bob -p ${secret}`, `machine api.x.io login bob password ${secret}`, `db.corp:5432:prod:app:${secret}`, `requirepass ${secret}`,
    `ALTER USER bob WITH PASSWORD '${secret}'`, `CREATE USER 'a'@'%' IDENTIFIED BY '${secret}'`, `ConvertTo-SecureString "${secret}" -AsPlainText`, `auth=("bob", "${secret}")`,
    `- name: DB_PASSWORD\n  value: ${secret}`, `{"name":"DB_PASSWORD","value":"${secret}"}`, `<add key="Password" value="${secret}"/>`,
  ]) holds(text, secret);
  for (const text of ['--password-stdin', '--password <password>', '--token $TOKEN', '--token-file /run/token', 'login page password reset', 'IDENTIFIED BY PASSWORD', '- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef']) assert.equal(findSecrets(text), [], text);
});

test('the value may stand before what it is called', () => {
  for (const text of [`${secret} is my wifi password`, `please use ${secret} as the password`]) holds(text, secret);
  holds(`0x${'3f9a1c5e'.repeat(8)} is the wallet private key`, '3f9a1c5e');
  holds(`private key: ${'3f9a1c5e'.repeat(8)}`, '3f9a1c5e');
  for (const text of ['UTF-8 is the default encoding', 'JSON-RPC-2.0 is the token format', 'bcrypt-12 is our password hash', 'request-id-12345678 is your token for the queue', 'https://x.io/a1 is our secret.', '12.34.5678 is our token']) assert.equal(findSecrets(text), [], text);
});

test('words that open a wallet, a session, and a private key in base64 once more', () => {
  const words = 'orbit lemon frame tiger wagon pulse candy ridge ocean metal spice torch';
  holds(`seed phrase: ${words}`, words);
  holds(`Set-Cookie: sid=${drawn}; HttpOnly`, drawn);
  holds(`_auth=${Buffer.from(`bob:${secret}`).toString('base64')}`, Buffer.from(`bob:${secret}`).toString('base64').replaceAll('=', ''));
  assert.is(findSecrets(`k: ${Buffer.from(`-----BEGIN RSA PRIVATE KEY-----\n${drawn.repeat(4)}`).toString('base64')}`)[0]?.type, 'private-key');
  assert.equal(findSecrets(`k: ${Buffer.from(`-----BEGIN CERTIFICATE-----\n${drawn.repeat(4)}`).toString('base64')}`), []);
  assert.equal(findSecrets('seed phrase: never share your seed phrase with anyone because they can steal all the coins'), []);
});

test('names in scripts without capitals are found behind a label; what a form says there is none', () => {
  for (const [text, name] of [['姓名：王小明', '王小明'], ['氏名：山田太郎', '山田太郎'], ['이름: 김철수', '김철수'], ['اسم: محمد علي', 'محمد علي']] as const) {
    assert.equal(findPii(text).map(({ type, start, end }) => [type, text.slice(start, end)]), [['name', name]]);
  }
  for (const text of ['姓名：请输入', '氏名：必須入力', '이름: 필수', '문서 이름']) assert.equal(findPii(text), [], text);
});

test('addresses as Japan, China, Korea, the Netherlands, Brazil, Belgium, Finland and India write them', () => {
  for (const text of [
    '〒100-0001', '大阪府大阪市北区梅田1-2-3', '北京市朝阳区建国路88号', '서울특별시 강남구 테헤란로 152', 'Prinsengracht 263', 'Av. Paulista 1578', 'Alameda Santos 1470', 'Rue de la Loi 16, 1000 Bruxelles',
    'Mannerheimintie 12, 00100 Helsinki', 'ул. Тверская, д. 7', 'Flat 402, Sunrise Apartments, Andheri West, Mumbai 400053',
  ]) assert.ok(findPii(text).some(({ type }) => type === 'address'), text);
  for (const text of ['東京 2020', '市区 12', '路由器 12号', '서울로 3시에', 'Av. 12', 'en plein 12', 'dijk 5', 'Flat 10, no change', 'Rue 21', 'node tie 5, 2000 runs']) assert.equal(findPii(text), [], text);
});

test('numbers with few digits are passports only by the form of one; a pair near nought is no place', () => {
  assert.is(findPii('Reisepass Nr. C4J4LG9ZT')[0]?.type, 'passport');
  assert.is(findPii('Passnummer: C4J4LG9ZT')[0]?.type, 'passport');
  assert.equal(findPii('passport CONTINUED'), []);
  assert.is(findPii('CNH 02650306461')[0]?.type, 'driving-licence');
  assert.is(findPii('carta d\'identità CA00000AA')[0]?.type, 'national-id');
  assert.is(findPii('我的手机号是13800138000')[0]?.type, 'phone');
  assert.is(findPii('CVV 123')[0]?.type, 'card');
  assert.equal(findPii('weights [0.123456, -0.654321]'), []);
  assert.is(findPii('at 0.347596, 32.582520')[0]?.type, 'location');
});

test('a PRAGMA may strengthen a safeguard and never weaken one; neither is reading', () => {
  for (const sql of ['PRAGMA foreign_keys = ON', 'PRAGMA main.journal_mode = WAL', 'PRAGMA busy_timeout = 5000', 'PRAGMA trusted_schema = OFF', 'PRAGMA synchronous = NORMAL']) {
    const { destructive, read_only } = sqlFacets(sql, 'sqlite');
    assert.equal([destructive, read_only], [false, false], sql);
  }
  for (const sql of ['PRAGMA foreign_keys = OFF', 'PRAGMA foreign_keys(ON)', 'PRAGMA foreign_keys = ON OFF', 'PRAGMA foreign_keys = (ON)', 'PRAGMA trusted_schema = ON', 'PRAGMA synchronous = 0', 'PRAGMA journal_mode = MEMORY', 'PRAGMA cache_size = x', 'PRAGMA foreign_keys = ON; DROP TABLE t']) assert.is(sqlFacets(sql, 'sqlite').destructive, true, sql);
});

test('SET autocommit begins no harm alone; CREATE TABLE AS EXECUTE hides what runs', () => {
  assert.is(sqlFacets('SET autocommit=0', 'mysql').destructive, false);
  assert.is(sqlFacets('SET autocommit=0, GLOBAL read_only=0', 'mysql').destructive, true);
  assert.is(sqlFacets('CREATE TABLE x AS EXECUTE p', 'postgresql').destructive, true);
  assert.is(sqlFacets('CREATE TABLE x AS SELECT 1', 'postgresql').destructive, false);
});

test('the patterns of contexts take time that is linear in hostile text', () => {
  const timeOf = (text: string): number => {
    const begun = performance.now();
    findSecrets(text);
    findPii(text);
    return performance.now() - begun;
  };
  for (const part of ['a1!b2c3d4 is my ', 'cookie: sid=', 'jwt.sign(', 'seed phrase is abc ', 'name: token\n', 'LS0tLS1CRUdJTi', 'password: string ', '東京都千代田', 'Flat 1, Ab ', 'Rue de la Ab ', 'identified by ']) {
    timeOf(part.repeat(200));
    const [small, large] = [timeOf(part.repeat(2_000)), timeOf(part.repeat(16_000))];
    assert.ok(large < 40 * Math.max(small, 4), `${part}: ${small} ms, ${large} ms`);
  }
});

test.run();
