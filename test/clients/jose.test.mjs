import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import * as jose from 'jose'
import { get, issuer, platform, post } from './platform.mjs'

// The platform signs with this private key, which jose made.
const { keys } = JSON.parse(await readFile(process.env.BEARER_SIGNING_KEYS, 'utf8'))
const key = await jose.importJWK(keys[0], keys[0].alg)

const login = async () =>
  (await post('/auth/login', { email: platform.email, password: platform.password })).access_token

test('jose verifies what the issuer signs', async () => {
  const token = await login()
  const known = { issuer: issuer.origin, audience: issuer.origin }
  if (keys[0].alg === 'HS256') {
    const set = await (await fetch(new URL('/.well-known/jwks.json', issuer))).json()
    assert.deepEqual(set, { keys: [] })
    assert.equal((await jose.jwtVerify(token, key, known)).protectedHeader.kid, keys[0].kid)
    return
  }
  const set = jose.createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer))
  const { payload, protectedHeader } = await jose.jwtVerify(token, set, known)
  assert.equal(protectedHeader.alg, keys[0].alg)
  assert.match(payload.sub, /^user:/)
  assert.equal(payload.nbf, undefined)
})

test('the guard verifies what jose signs', async () => {
  const token = await login()
  const claims = jose.decodeJwt(token)
  const header = { alg: keys[0].alg, kid: keys[0].kid }
  const sign = (changes) => new jose.SignJWT({ ...claims, ...changes }).setProtectedHeader(header).sign(key)
  assert.equal((await get('/auth/me', await sign({}))).status, 200)
  assert.equal((await get('/auth/me', await sign({ sid: 'se_unknown' }))).status, 401)
  assert.equal((await get('/auth/me', await sign({ sub: 'user:another' }))).status, 401)
  assert.equal((await get('/auth/me', await sign({ exp: claims.iat - 1 }))).status, 401)
  assert.equal((await get('/auth/me', await sign({ aud: 'https://another.example' }))).status, 401)
})
