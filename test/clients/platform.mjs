// The platform that the tests run against: what `examples/platform -json` printed.
export const platform = JSON.parse(process.env.BEARER_PLATFORM)
export const issuer = new URL(`http://${platform.addr}`)

// get asks the resource server with an access token.
export const get = (path, token) =>
  fetch(new URL(path, issuer), { headers: { authorization: `Bearer ${token}` } })

// post sends JSON, and returns the answer's.
export const post = async (path, body, token) => {
  const response = await fetch(new URL(path, issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  })
  return response.json()
}
