package adaptersuite

import (
	"slices"
	"strings"
)

// credentialNames are the words of names under which credentials are sent.
var credentialNames = struct{ first, second []string }{
	strings.Fields(`api access auth bearer user client session id app service account public secret private
		authorization authentication security jwt oauth refresh csrf master admin license x x-api x-auth x-access
		x-app x-client x-user x-session x-service x-forwarded x-forwarded-access x-original x-goog-api x-amz-security
		ocp-apim-subscription subscription sec-websocket x-functions x-rapidapi x-vault x-gitlab x-shopify-access
		x-parse-rest-api x-auth-request-access dd-api dd-application fastly cf-access api-access xi-api x-goog-iam`),
	strings.Fields(`key token secret credential credentials authorization auth jwt password signature protocol code id`),
}

// moreCredentialNames are names of one word, or of more than two.
var moreCredentialNames = strings.Fields(`key k apikey token t tk secret auth authorization authentication credential
	bearer jwt access sig signature sid session password pass pwd user username login code ticket sso state hash
	pat appid app_id access-key-id access_key_id AccessKeyId AWSAccessKeyId Authorization AUTHORIZATION Bearer Token TOKEN
	api-token-key oauth_token private_token X-Api-Token X-Amz-Credential X-Goog-Signature connect.sid __session`)

// cookieNames are names that only cookies have.
var cookieNames = strings.Fields(`JSESSIONID PHPSESSID ASPSESSIONID ASP.NET_SessionId SESSIONID laravel_session
	_session_id sessionid csrftoken authjs.session-token next-auth.session-token __Secure-next-auth.session-token
	sb-access-token sb-refresh-token supabase-auth-token __Host-token __Secure-token __Host-session __Secure-session
	__Host-access_token __Secure-access_token __Host-jwt __Secure-jwt __Host-auth __Host-id __Host-sid __Host-key
	remember_token remember-me KEYCLOAK_IDENTITY CF_Authorization AuthSession _oauth2_proxy ory_session
	.AspNetCore.Cookies`)

// schemes are those of the IANA registry that carry a text, and those of
// well-known services.
var schemes = strings.Fields(`Basic Digest DPoP PoP GNAP HOBA Mutual MAC Hawk Negotiate NTLM PrivateToken Token Key
	ApiKey Api-Key Api_Key X-API-Key AccessToken Access-Token Access AuthToken Auth-Token Auth Authorization Secret
	BearerToken Bearer-Token JWT OAuth OAuth2 Session SessionToken User Client Client-ID Client-Secret App Application
	Service Bot SSWS GenieKey Splunk Zoho-oauthtoken Klaviyo-API-Key Discogs Snowflake Sentry TOTP Kakao KakaoAK Shippo
	Private-Token Signature Credential Credentials Password ELT Ory Vault`)

// spelled returns a name of two words in the ways in which names are spelled:
// api-key, Api-Key and API-KEY, with each of the separators.
func spelled(first, second string, separators []string) []string {
	var all []string
	for _, separator := range separators {
		name := titled(first) + separator + titled(second)
		all = append(all, first+separator+second, name, strings.ToUpper(name))
		if strings.Contains(name, "Api") {
			all = append(all, strings.ReplaceAll(name, "Api", "API"))
		}
	}
	return append(all, first+titled(second))
}

// titled returns words with a capital letter at the start of each.
func titled(words string) string {
	text := []byte(words)
	for i := range text {
		if i == 0 || text[i-1] == '-' {
			text[i] -= 'a' - 'A'
		}
	}
	return string(text)
}

// names returns credentialNames in all spellings, and moreCredentialNames.
func names(prefix string, separators ...string) []string {
	all := slices.Clone(moreCredentialNames)
	for _, first := range credentialNames.first {
		for _, second := range credentialNames.second {
			all = append(all, spelled(first, second, separators)...)
		}
	}
	for i, name := range all {
		all[i] = prefix + name
	}
	return all
}

// fieldNames returns the names of header fields, which have one spelling.
func fieldNames() []string {
	var all []string
	for _, name := range slices.Concat(names("", "-", ""), names("X-", "-", "")) {
		all = append(all, strings.ToLower(name))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(name string) bool { return name == "authorization" })
}
