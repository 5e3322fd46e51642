// A real identity provider with Entra's addresses: codes with PKCE, device codes, refresh tokens that
// are good for one use. Its first line of output is its address; `/control/revoke` ends every sign-in.
import { webcrypto } from 'node:crypto';
import http from 'node:http';

// Older releases of Node.js have it under this name alone.
globalThis.crypto ??= webcrypto;
const { default: Provider } = await import('oidc-provider');

const lives = Number(process.env.TOKEN_LIVES_SECONDS ?? '3600');
const client = '14d82eec-204b-4c2f-b7e8-296a70dab67e';
const root = 'https://graph.microsoft.com';
const permissions = ['DeviceManagementServiceConfig.ReadWrite.All', 'User.Read.All'];
const entra = '/organizations/oauth2/v2.0';

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const claims = (id) => ({
  sub: id,
  tid: '11111111-2222-3333-4444-555555555555',
  preferred_username: `${id}@contoso.example`,
  name: id,
});

const provider = new Provider(issuer, {
  clients: [{
    client_id: client,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    redirect_uris: ['http://localhost'],
  }],
  scopes: ['openid', 'offline_access', 'profile', ...permissions.map((name) => `${root}/${name}`)],
  claims: { openid: ['sub', 'tid'], profile: ['preferred_username', 'name'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  // Entra gives one to whoever asks for offline_access, without asking for consent each time.
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  pkce: { required: () => true },
  ttl: { AccessToken: lives, DeviceCode: 600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600, IdToken: 600 },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  routes: {
    authorization: `${entra}/authorize`,
    token: `${entra}/token`,
    device_authorization: `${entra}/devicecode`,
    code_verification: '/device',
  },
});

const grants = new Set();
const count = { refreshed: 0, refused: [] };
provider.on('refresh_token.saved', (token) => grants.add(token.grantId));
provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type === 'refresh_token') count.refreshed += 1;
});
provider.on('grant.error', (_, error) => {
  if (error.error !== 'authorization_pending') count.refused.push(`${error.error}: ${error.error_detail ?? error.message}`);
});

const control = async (path) => {
  if (path === '/control/revoke') {
    for (const grant of grants) {
      await provider.RefreshToken.revokeByGrantId(grant);
    }
    grants.clear();
  }
  return JSON.stringify(count);
};

const callback = provider.callback();
server.on('request', async (request, response) => {
  if (request.url.startsWith('/control/')) {
    response.setHeader('content-type', 'application/json');
    response.end(await control(request.url));
    return;
  }
  // Every tenant's addresses mean this provider.
  request.url = request.url
    .replace(/^\/[^/]+\/oauth2\/v2\.0\//, `${entra}/`)
    .replace(/^\/[^/]+\/v2\.0\/\.well-known\//, '/.well-known/')
    // A word of Entra's, which this provider does not know.
    .replace('prompt=select_account', 'prompt=consent');
  callback(request, response);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(issuer);
