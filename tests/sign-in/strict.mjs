// A real identity provider for the dashboard: a client with a secret, PKCE demanded, and groups that
// stand in userinfo alone. Whoever comes is signed in as alice. Its first line of output is its issuer,
// which ends with a slash.
import { webcrypto } from 'node:crypto';
import http from 'node:http';

// Older releases of Node.js have it under this name alone.
globalThis.crypto ??= webcrypto;
const { default: Provider } = await import('oidc-provider');

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const root = `http://127.0.0.1:${server.address().port}`;
const mount = '/application/o/repilot';

const provider = new Provider(`${root}${mount}/`, {
  clients: [{
    client_id: process.env.CLIENT_ID,
    client_secret: process.env.CLIENT_SECRET,
    token_endpoint_auth_method: 'client_secret_post',
    redirect_uris: [process.env.REDIRECT_URI],
  }],
  scopes: ['openid', 'profile', 'groups'],
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `${mount}/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `${id}@contoso.example`, groups: 'operators' }),
  }),
  // Nobody is asked for consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});

const callback = provider.callback();
server.on('request', async (request, response) => {
  if (request.url.startsWith(`${mount}/interaction/`)) {
    await provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
    return;
  }
  // Mounted below a path, as the library asks for it.
  request.originalUrl = request.url;
  request.url = request.url.slice(mount.length) || '/';
  callback(request, response);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(`${root}${mount}/`);
