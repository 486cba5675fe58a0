import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as openid from 'openid-client'
import { get, issuer, platform } from './platform.mjs'

const discover = (id, secret, authentication) =>
  openid.discovery(issuer, id, secret, authentication, {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  })

test('S1.4 S1.5 discovery and client credentials', async () => {
  for (const method of [openid.ClientSecretPost, openid.ClientSecretBasic]) {
    const config = await discover(platform.client_id, undefined, method(platform.client_secret))
    const grant = await openid.clientCredentialsGrant(config, { scope: 'read write' })
    assert.equal(grant.token_type, 'bearer')
    assert.equal(grant.expires_in, 3600)
    assert.equal(grant.scope, 'read write')
    assert.equal((await get('/api/v1/users/me', grant.access_token)).status, 200)

    await openid.tokenRevocation(config, grant.access_token)
    assert.equal((await get('/api/v1/users/me', grant.access_token)).status, 401)
  }
})

test('introspection', async () => {
  const config = await discover(platform.client_id, platform.client_secret)
  const inspector = await discover(platform.introspect_client_id, platform.introspect_client_secret)
  const grant = await openid.clientCredentialsGrant(config, {})
  const answer = await openid.tokenIntrospection(inspector, grant.access_token)
  assert.equal(answer.active, true)
  assert.equal(answer.scope, 'read write')
  assert.deepEqual(await openid.tokenIntrospection(inspector, 'no-token'), { active: false })
})

test('S1.6 S1.7 refusals', async () => {
  const wrong = await discover(platform.client_id, 'wrong')
  await assert.rejects(openid.clientCredentialsGrant(wrong, {}))
  const config = await discover(platform.client_id, platform.client_secret)
  await assert.rejects(openid.clientCredentialsGrant(config, { scope: 'none' }), (error) => {
    assert.equal(error.error, 'invalid_scope')
    return true
  })
})
