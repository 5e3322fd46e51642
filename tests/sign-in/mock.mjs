// oauth2-mock-server: a provider that signs in whoever comes. Its first line of output is its issuer.
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('ES256');
server.service.on('beforeTokenSigning', ({ payload }) => {
  payload.preferred_username = 'alice@contoso.example';
  payload.roles = ['operators'];
});
await server.start(0, 'localhost');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(server.issuer.url);
