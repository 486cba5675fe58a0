import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientCredentials } from 'simple-oauth2'
import { get, issuer, platform } from './platform.mjs'

const client = (options, secret = platform.client_secret) =>
  new ClientCredentials({
    client: { id: platform.client_id, secret },
    auth: { tokenHost: issuer.origin, tokenPath: '/oauth/token', revokePath: '/oauth/revoke' },
    options,
  })

const ways = [
  { authorizationMethod: 'header' },
  { authorizationMethod: 'header', credentialsEncodingMode: 'loose' },
  { authorizationMethod: 'body' },
]

test('S1.4 S1.5 client credentials', async () => {
  for (const way of ways) {
    const token = await client(way).getToken({ scope: ['read', 'write'] })
    assert.equal(token.token.token_type, 'bearer')
    assert.equal(token.token.scope, 'read write')
    assert.equal(token.expired(), false)
    assert.equal((await get('/api/v1/users/me', token.token.access_token)).status, 200)
  }
})

test('S1.6 a wrong secret', async () => {
  for (const way of ways) {
    await assert.rejects(client(way, 'wrong').getToken({}), (error) => {
      assert.equal(error.output.statusCode, 401)
      assert.equal(error.data.payload.error, 'invalid_client')
      return true
    })
  }
})
