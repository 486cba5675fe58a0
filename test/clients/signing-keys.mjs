// Prints a JWK Set with a new private key of the algorithm that the argument names.
import * as jose from 'jose'

const alg = process.argv[2]
const key =
  alg === 'HS256'
    ? await jose.generateSecret(alg, { extractable: true })
    : (await jose.generateKeyPair(alg, { extractable: true })).privateKey
const jwk = { ...(await jose.exportJWK(key)), alg, use: 'sig' }
jwk.kid = await jose.calculateJwkThumbprint(jwk)
console.log(JSON.stringify({ keys: [jwk] }))
