import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { get, issuer, platform } from './platform.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }
const client = { client_id: platform.client_id }
const inspector = { client_id: platform.introspect_client_id }
const basic = oauth.ClientSecretBasic(platform.client_secret)
const post = oauth.ClientSecretPost(platform.client_secret)
const inspectorBasic = oauth.ClientSecretBasic(platform.introspect_client_secret)

const discover = async () => {
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  return oauth.processDiscoveryResponse(issuer, response)
}

const grant = async (as, authentication, parameters = {}) => {
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, insecure)
  return oauth.processClientCredentialsResponse(as, client, response)
}

const introspect = async (as, token) => {
  const response = await oauth.introspectionRequest(as, inspector, inspectorBasic, token, insecure)
  return oauth.processIntrospectionResponse(as, inspector, response)
}

test('S1.4 S1.5 client credentials by Basic and by form', async () => {
  const as = await discover()
  for (const authentication of [basic, post]) {
    const answer = await grant(as, authentication, { scope: 'read' })
    assert.equal(answer.token_type, 'bearer')
    assert.equal(answer.expires_in, 3600)
    assert.equal(answer.scope, 'read')
    assert.equal((await get('/api/v1/users/me', answer.access_token)).status, 200)
  }
  assert.equal((await grant(as, basic)).scope, 'read write')
})

test('S1.6 a wrong secret', async () => {
  const as = await discover()
  for (const wrong of [oauth.ClientSecretBasic('wrong'), oauth.ClientSecretPost('wrong')]) {
    const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, insecure)
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate'), /^Basic /)
    assert.equal((await response.clone().json()).error, 'invalid_client')
    await assert.rejects(oauth.processClientCredentialsResponse(as, client, response))
  }
})

test('S1.7 a scope that the client does not have', async () => {
  await assert.rejects(grant(await discover(), basic, { scope: 'wallets:write' }), (error) => {
    assert.equal(error.error, 'invalid_scope')
    assert.equal(error.status, 400)
    return true
  })
})

test('introspection and revocation', async () => {
  const as = await discover()
  const { access_token: token } = await grant(as, basic, { scope: 'read' })
  const active = await introspect(as, token)
  assert.equal(active.active, true)
  assert.equal(active.scope, 'read')
  assert.equal(active.client_id, platform.client_id)
  const response = await oauth.revocationRequest(as, client, basic, token, insecure)
  await oauth.processRevocationResponse(response)
  assert.deepEqual(await introspect(as, token), { active: false })
  assert.equal((await get('/api/v1/users/me', token)).status, 401)
})

test('metadata of the protected resource', async () => {
  const response = await oauth.resourceDiscoveryRequest(issuer, insecure)
  const resource = await oauth.processResourceDiscoveryResponse(issuer, response)
  assert.deepEqual(resource.authorization_servers, [(await discover()).issuer])
})
