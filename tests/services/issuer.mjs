// An OpenID Connect issuer on 127.0.0.1: node issuer.mjs '{"issuer":…,"port":…,"jwks":…,"clients":…,"audience":…}'
// A client gets the claims that stand beside its name, by its own credentials.
import Provider from "oidc-provider";

const given = JSON.parse(process.argv[2]);
const provider = new Provider(given.issuer, {
  jwks: given.jwks,
  clients: Object.keys(given.clients).map((name) => ({
    client_id: name,
    client_secret: "of-the-tests",
    id_token_signed_response_alg: given.algorithm,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  })),
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
  extraTokenClaims: (_context, token) => given.clients[token.clientId],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:sendopt",
      getResourceServerInfo: () => ({
        scope: "",
        audience: given.audience,
        accessTokenFormat: "jwt",
        accessTokenTTL: 3600, // seconds
        jwt: { sign: { alg: given.algorithm } },
      }),
    },
  },
});
provider.listen(given.port, "127.0.0.1");
