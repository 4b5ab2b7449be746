/**
 * Labelled texts, written before the detector that they measure; see pii-set.ts.
 * Random parts are made here (`<r36>` letters and digits, `<u16>` capitals and
 * digits, `<h32>` hex, `<d10>` digits), so that no token stands in the file.
 */

const alphabets: { readonly [name: string]: string } = {
  r: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', u: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', h: '0123456789abcdef', d: '0123456789', b: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
};

let state = 20_261_122;

function drawn(alphabet: string, length: number): string {
  let text = '';
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += alphabet.charAt((state >>> 8) % alphabet.length);
  }
  return text;
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON Web Token with a random signature. */
const token = (): string => `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ sub: '1234567890', iat: 1_700_000_000 })}.${drawn(alphabets['r'] ?? '', 43)}`;

const lines = (text: string): readonly { readonly kind: string; readonly text: string }[] => text.trim().split('\n').map((line) => {
  const bar = line.indexOf('|');
  const filled = line.slice(bar + 1).replaceAll('\\n', '\n').replaceAll('<jwt>', token).replaceAll('<>', '').replaceAll('§', '$')
    .replaceAll(/<([ruhdb])(\d+)>/g, (_match, name: string, length: string) => drawn(alphabets[name] ?? '', Number(length)));
  return { kind: line.slice(0, bar), text: filled };
});

/** 84 texts with secrets, 82 without. */
export const developed: readonly { readonly kind: string; readonly text: string }[] = lines(String.raw`
aws|AKIA<u16>
aws|aws_access_key_id = AKIA<u16>
aws|aws_secret_access_key=<b40>
aws|AWS_SESSION_TOKEN=FwoGZXIvYXdzE<b200>
aws|temporary ASIA<u16> for the job
gcp|AIza<r35>
gcp|ya29.<r60>
gcp|"client_secret": "GOCSPX-<r28>"
gcp|{"type":"service_account","private_key_id":"<h40>","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B<b64>\n-----END PRIVATE KEY-----\n"}
azure|DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=<b86>==;EndpointSuffix=core.windows.net
azure|SharedAccessSignature sv=2022-11-02&ss=b&sig=<b43>%3D
azure|Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=<b43>=
azure|client secret 3Qr8Q~<r34>
github|ghp_<r36>
github|gho_<r36>
github|ghs_<r36>
github|github_pat_<r22>_<r59>
github|git clone https://x-access-token:ghp_<r36>@github.com/a/b
gitlab|glpat-<r20>
gitlab|CI_JOB glptt-<h40>
slack|xoxb-<d12>-<d12>-<r24>
slack|xoxp-<d11>-<d11>-<d12>-<h32>
slack|https://hooks.slack.com/services/T<u8>/B<u8>/<r24>
slack|xapp-1-A<u10>-<d13>-<h64>
stripe|sk_live_<r24>
stripe|rk_live_<r24>
stripe|whsec_<r32>
stripe|sk_test_<r99>
npm|npm_<r36>
npm|//registry.npmjs.org/:_authToken=<h8>-<h4>-4<h3>-a<h3>-<h12>
pypi|pypi-AgEIcHlwaS5vcmc<r80>
openai|sk-<r48>
openai|OPENAI_API_KEY=sk-proj-<r48>
openai|sk-<r20>T3Blbk<>FJ<r20>
anthropic|sk-ant-api03-<r90>
huggingface|hf_<r34>
twilio|SK<h32>
twilio|TWILIO_AUTH_TOKEN=<h32>
sendgrid|SG.<r22>.<r43>
mailgun|key-<h32>
mailchimp|<h32>-us12
telegram|<d10>:AA<r33>
discord|M<r23>.X<r5>.<r27>
discord|https://discord.com/api/webhooks/<d18>/<r68>
shopify|shpat_<h32>
square|sq0atp-<r22>
digitalocean|dop_v1_<h64>
databricks|dapi<h32>
doppler|dp.pt.<r43>
linear|lin_api_<r40>
notion|ntn_<r46>
vault|hvs.<r90>
newrelic|NRAK-<u27>
grafana|glsa_<r32>_<h8>
atlassian|ATATT3xFfGF0<r180>
age|AGE-SECRET-KEY-1<u58>
pem|-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA<b64>\n<b64>\n-----END RSA PRIVATE KEY-----
pem|-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU<b64>\n-----END OPENSSH PRIVATE KEY-----
pem|-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE<b60>
pem|-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdGBF<b60>
pem|PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n<b48>
jwk|{"kty":"OKP","crv":"Ed25519","x":"<r43>","d":"<r43>"}
jwk|{"kty":"RSA","n":"<r80>","e":"AQAB","d":"<r80>"}
jwt|<jwt>
jwt|Authorization: Bearer <jwt>
url|postgres://admin:S3cr<>etP4ss@db.internal:5432/app
url|mysql://root:hunter2@10.0.0.3/shop
url|mongodb+srv://app:v9Kq2LmZ@cluster0.mongodb.net
url|https://deploy:Tr0ub4dor&3@git.example.com/repo.git
url|redis://:p4ssw0rdX9@cache:6379/0
url|amqp://guest1:qW9zLp3x@mq/
connection|Server=db;Database=x;User Id=sa;Password=Zx81!spectrum;
assignment|password = "c0rrect-h0rse-b4ttery"
assignment|DB_PASSWORD=9fK2mQz7Lp
assignment|api_key: "<r32>"
assignment|"apiKey":"<h32>"
assignment|secret_key = '<r40>'
assignment|export AUTH_TOKEN=<r40>
assignment|client-secret: <r32>
assignment|passwd: Winter2024!
assignment|my password is Tr0ub4dor&3
assignment|{"username":"bob","password":"hunter2!xyz"}
header|Authorization: Basic YWRtaW46czNjcjN0UGFzcw==
header|X-Api-Key: <r32>
header|Authorization: Bearer <r40>
clean|AKIA is the prefix of access keys
clean|AKIAEXAMPLE
clean|ghp_ tokens start with four letters
clean|password = os.environ["DB_PASSWORD"]
clean|password: ********
clean|password = ""
clean|password: <your-password>
clean|password=§{DB_PASSWORD}
clean|PASSWORD=$PASSWORD
clean|api_key = "YOUR_API_KEY"
clean|api_key: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
clean|token = getToken()
clean|secret = await vault.read("path")
clean|const secret = process.env.SECRET_KEY
clean|token: string;
clean|password: string | undefined
clean|password?: string
clean|def check_password(password: str) -> bool:
clean|The password must have 12 characters
clean|reset your password at https://example.com/reset
clean|token bucket with 100 tokens
clean|next_token = tokens[i + 1]
clean|max_tokens: 4096
clean|tokens=128000
clean|token_type: bearer
clean|secret sharing by Shamir
clean|the secret is to keep it simple
clean|api_key_id: 42
clean|public_key: MCowBQYDK2VwAyEA<b43>=
clean|-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA<b43>=\n-----END PUBLIC KEY-----
clean|-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE<b64>\n-----END CERTIFICATE-----
clean|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<b43> bob@host
clean|{"kty":"OKP","crv":"Ed25519","x":"<r43>"}
clean|did:key:z6Mk<r44>
clean|commit <h40>
clean|sha256:<h64>
clean|sha512-<b86>==
clean|integrity="sha384-<b64>"
clean|etag "<h32>"
clean|uuid <h8>-<h4>-4<h3>-a<h3>-<h12>
clean|request id req_<r24>
clean|customer cus_<r14>
clean|pk_live_<r24>
clean|pk_test_<r24>
clean|https://example.com/path?id=<r20>
clean|https://user@example.com/
clean|https://user:password@example.com/
clean|postgres://user:pass@localhost/db
clean|postgres://$USER:$PASS@host/db
clean|http://localhost:8080/@scope/pkg
clean|https://host:443/path@2
clean|data:image/png;base64,iVBORw0KGgo<b80>
clean|aGVsbG8gd29ybGQgdGhpcyBpcyBmaW5l
clean|eyJub3QiOiJhIHRva2VuIn0
clean|a.b.c
clean|1.2.3
clean|com.example.application.Main
clean|keyboard shortcuts: ctrl+k
clean|key = value
clean|primary_key: id
clean|foreign_key = user_id
clean|key-value store
clean|sort_key: created_at
clean|the key is under the mat
clean|cache_key=users:42:profile
clean|key-frames animation
clean|SKU SK1234
clean|sk-learn is a library
clean|sk-SK locale
clean|hf_hub_download(repo)
clean|npm_config_registry=https://registry.npmjs.org
clean|npm_lifecycle_event
clean|xoxo-hugs-and-kisses
clean|SG.1
clean|dapi is a name
clean|1234567890:hello
clean|Bearer token required
clean|Authorization: Bearer <token>
clean|Authorization: Basic realm="x"
clean|passphrase policies are outdated
clean|auth: none
clean|credentials: same-origin
clean|credential_process = /usr/bin/helper
clean|SECRET_KEY_BASE is not set
`);

/** 46 texts with secrets, 45 without; never looked at while the detector was written. */
export const held_out: readonly { readonly kind: string; readonly text: string }[] = lines(String.raw`
aws|credentials: AKIA<u16> / <b40>
aws|[default]\naws_access_key_id=ASIA<u16>\naws_secret_access_key=<b40>
gcp|maps key AIza<r35> is public now
azure|AZURE_CLIENT_SECRET=<r3>8Q~<r34>
azure|AccountKey=<b86>==
github|token ghu_<r36>
github|GITHUB_TOKEN=ghs_<r36>
gitlab|PRIVATE-TOKEN: glpat-<r20>
gitlab|glrt-<r20>
slack|SLACK=xoxa-2-<d12>-<d12>-<r24>
stripe|STRIPE_SECRET=sk_live_<r99>
npm|_authToken=npm_<r36>
openai|openai.api_key = "sk-<r48>"
anthropic|export ANTHROPIC_API_KEY=sk-ant-api03-<r93>AA
huggingface|login(token="hf_<r34>")
twilio|account AC<h32> auth_token <h32>
sendgrid|mail: SG.<r22>.<r43>
telegram|bot token is <d9>:AA<r33>
pem|-----BEGIN DSA PRIVATE KEY-----\n<b64>\n-----END DSA PRIVATE KEY-----
pem|-----BEGIN ENCRYPTED PRIVATE KEY-----\n<b64>
pem|key: "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEI<b43>\\n-----END PRIVATE KEY-----"
jwk|{"crv":"P-256","d":"<r43>","kty":"EC","x":"<r43>","y":"<r43>"}
jwt|cookie: session=<jwt>; path=/
url|ftp://backup:n1ghtly-R5@files.example.net/
url|jdbc:postgresql://db/app?user=app&password=Kd82ms0Qz
url|mssql://sa:P%40ssw0rd9@sql01:1433
url|https://oauth2:<r20>@gitlab.example.com/g/p.git
connection|Data Source=sql;Initial Catalog=a;User ID=app;Pwd=Rk7#mm2Lq;
assignment|MYSQL_ROOT_PASSWORD: uR8zP0qLx2
assignment|const API_SECRET = "<r40>";
assignment|app.secret=<h64>
assignment|login: admin / password: Summer#2025
assignment|"access_token": "<r64>"
assignment|refreshToken='<r50>'
assignment|ENCRYPTION_KEY=<b43>=
assignment|the wifi password is blue-Fox-77
assignment|pwd=Qx7!pLm2
assignment|<password>Gh7kLq2w</password>
assignment|signing_secret: <h32>
assignment|DJANGO_SECRET_KEY='<r50>'
header|Proxy-Authorization: Basic dXNlcjpQNHNzdzByZA==
header|curl -u admin:Zk29dLq1 https://example.com
header|curl -H "X-Auth-Token: <r40>" https://x
cli|mysql -u root -pXk29dLq1s app
cli|sshpass -p 'Zq82mLp0' ssh host
pin|password123 is what I use as password: letmein99
clean|password_hash = bcrypt(password)
clean|"password": null
clean|"password": "[REDACTED]"
clean|PASSWORD=changeme
clean|pwd: /home/user/project
clean|pwd=/var/www
clean|PGPASSFILE=/root/.pgpass
clean|api_key=<API_KEY>
clean|api-key: {{ secrets.API_KEY }}
clean|token: process.env.TOKEN,
clean|secretName: db-credentials
clean|secretKeyRef:
clean|AWS_SECRET_ACCESS_KEY=your-secret-key
clean|token=...
clean|accessToken: string
clean|passwordField.setText(value)
clean|if (password.length < 8) throw
clean|SELECT password FROM users
clean|token expired after 3600 seconds
clean|csrf token mismatch
clean|tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
clean|keys: ["a","b"]
clean|sort key descending
clean|"key": "users/avatars/photo.png"
clean|license key: see LICENSE
clean|version_key = 20240312
clean|etag W/"<h40>"
clean|digest: <h64>
clean|image@sha256:<h64>
clean|trace id <h32>
clean|peer 12D3KooW<r44>
clean|fingerprint SHA256:<b43>
clean|base64: <b64>
clean|nonce="<r22>"
clean|https://cdn.example.com/<h40>/app.js
clean|https://example.com:8443/login
clean|mailto:user@example.com
clean|git+ssh://git@github.com/a/b.git
clean|s3://bucket/key/name
clean|postgresql://localhost:5432/app
clean|-----BEGIN SSH2 PUBLIC KEY-----\n<b64>
clean|-----BEGIN CERTIFICATE REQUEST-----\n<b64>
clean|private key files are never committed
clean|bearer of good news
clean|sk_buff is a kernel struct
`);
