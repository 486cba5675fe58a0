package jwks_test

import (
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/jwks"
)

// A provider is the settings that docs/jwks.md shows, and tokens of the
// provider's shape.
type provider struct {
	name   string
	config jwks.Config
	jwt    func(*jwks.Source) bearer.JWT
	header members // beside alg and kid
	claims members // of a good token, beside iss, iat and exp

	id, owner string
	scopes    bearer.Scopes
	scope     bearer.Scope // that a route asks for
	wrong     []wrongToken
}

// A wrongToken is a good one that was changed; nil removes a claim.
type wrongToken struct {
	name   string
	change members
	want   string // the reason
}

const (
	badToken = "invalid_token"
	noScope  = "scope_insufficient"
)

var providers = []provider{
	{
		name:   "Auth0",
		config: jwks.Config{Issuer: "https://example.eu.auth0.com/"},
		jwt:    auth0,
		header: members{"typ": "JWT"},
		claims: members{
			"sub": "auth0|6553da60a54af58e29493993", "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "gty": "password",
			"aud":   []string{"https://api.example.com", "https://example.eu.auth0.com/userinfo"},
			"scope": "openid profile wallets:read", "permissions": []string{"wallets:read"},
		},
		id: "auth0|6553da60a54af58e29493993", scopes: "wallets:read", scope: "wallets:read",
		wrong: []wrongToken{
			{"an ID token", members{"aud": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"}, badToken},
			{"of another tenant", members{"iss": "https://other.eu.auth0.com/"}, badToken},
			{"an issuer without its slash", members{"iss": "https://example.eu.auth0.com"}, badToken},
			{"no permissions", members{"permissions": []string{}}, noScope},
		},
	},
	{
		name:   "Auth0, as RFC 9068",
		config: jwks.Config{Issuer: "https://example.eu.auth0.com/"},
		jwt:    auth0,
		header: members{"typ": "at+jwt"},
		claims: members{
			"sub": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients", "client_id": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx",
			"aud": "https://api.example.com", "jti": "73WakrfVbNJBaAmhQtEeDv", "permissions": []string{"wallets:read"},
		},
		id: "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients", scopes: "wallets:read", scope: "wallets:read",
	},
	{
		name:   "Okta",
		config: jwks.Config{Issuer: "https://example.okta.com/oauth2/default"},
		jwt:    okta,
		claims: members{
			"ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": "api://default",
			"cid": "0oapmm9j4NFHCo5OL0g4", "uid": "00upl5xq1AtyRDzjG0g4", "scp": []string{"openid", "wallets:read"},
			"sub": "alice@example.com",
		},
		id: "alice@example.com", scopes: "openid wallets:read", scope: "wallets:read",
		wrong: []wrongToken{
			{"an ID token", members{"aud": "0oapmm9j4NFHCo5OL0g4", "scp": nil}, badToken},
			{"of the org's own server", members{"iss": "https://example.okta.com", "aud": "https://example.okta.com"}, badToken},
			{"other scopes", members{"scp": []string{"openid"}}, noScope},
		},
	},
	{
		name:   "Entra, for a user",
		config: jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"},
		jwt:    entra,
		header: members{"typ": "JWT"},
		claims: members{
			"aud": "11111111-2222-3333-4444-555555555555", "azp": "00001111-aaaa-2222-bbbb-3333cccc4444", "azpacr": "0",
			"oid": "bbbbbbbb-1111-2222-3333-cccccccccccc", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
			"sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "scp": "Wallets.Read Tokens.Read", "ver": "2.0",
			"uti": "VnWIVWFZhkSEMWUMNTNvAA", "rh": "0.AAAA",
		},
		id: "bbbbbbbb-1111-2222-3333-cccccccccccc", owner: "aaaabbbb-0000-cccc-1111-dddd2222eeee",
		scopes: "Wallets.Read Tokens.Read", scope: "Wallets.Read",
		wrong: []wrongToken{
			{"version 1", members{"iss": "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/", "ver": "1.0"}, badToken},
			{"of another tenant", members{"iss": "https://login.microsoftonline.com/eeeeffff-0000-cccc-1111-dddd2222eeee/v2.0"}, badToken},
			{"for Microsoft Graph", members{"aud": "00000003-0000-0000-c000-000000000000"}, badToken},
			{"no tenant", members{"tid": nil}, badToken},
			{"an ID token", members{"azp": nil, "azpacr": nil, "scp": nil, "nonce": "n", "name": "Alice"}, badToken},
			{"an ID token with roles", members{"azp": nil, "azpacr": nil, "scp": nil, "roles": []string{"Wallets.Read"}}, badToken},
			{"other scopes", members{"scp": "Tokens.Read"}, noScope},
		},
	},
	{
		name:   "Entra, for an application",
		config: jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"},
		jwt:    entra,
		header: members{"typ": "JWT"},
		claims: members{
			"aud": "11111111-2222-3333-4444-555555555555", "azp": "00001111-aaaa-2222-bbbb-3333cccc4444", "azpacr": "1",
			"oid": "dddddddd-1111-2222-3333-cccccccccccc", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee", "idtyp": "app",
			"sub": "dddddddd-1111-2222-3333-cccccccccccc", "roles": []string{"Wallets.Read"}, "ver": "2.0",
		},
		id: "dddddddd-1111-2222-3333-cccccccccccc", owner: "aaaabbbb-0000-cccc-1111-dddd2222eeee",
		scopes: "Wallets.Read", scope: "Wallets.Read",
	},
	{
		name:   "Cognito",
		config: jwks.Config{Issuer: "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example"},
		jwt:    cognito,
		claims: members{
			"sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "client_id": "1example23456789", "token_use": "access",
			"cognito:groups": []string{"admin"}, "origin_jti": "a", "event_id": "b", "jti": "c", "version": 2,
			"scope": "openid wallets/read", "username": "my-test-user",
		},
		id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", scopes: "openid wallets/read", scope: "wallets/read",
		wrong: []wrongToken{
			{"an ID token", members{"client_id": nil, "aud": "1example23456789", "token_use": "id", "scope": nil}, badToken},
			{"of another client", members{"client_id": "2example23456789"}, badToken},
			{"of another pool", members{"iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_other"}, badToken},
			{"for another API", members{"aud": "https://other.example.com"}, badToken},
			{"for two APIs", members{"aud": []string{"https://api.example.com", "https://other.example.com"}}, badToken},
			{"other scopes", members{"scope": "aws.cognito.signin.user.admin"}, noScope},
		},
	},
	{
		name:   "Cognito, with a resource",
		config: jwks.Config{Issuer: "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example"},
		jwt:    cognito,
		claims: members{
			"sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "client_id": "1example23456789", "token_use": "access",
			"aud": "https://api.example.com", "jti": "c", "version": 2, "scope": "wallets/read", "username": "my-test-user",
		},
		id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", scopes: "wallets/read", scope: "wallets/read",
	},
	{
		name:   "Keycloak",
		config: jwks.Config{Issuer: "https://id.example.com/realms/acme"},
		jwt:    keycloak,
		header: members{"typ": "JWT"},
		claims: members{
			"jti": "onrtac:ba2e7a2f", "aud": []string{"wallets-api", "account"}, "typ": "Bearer", "azp": "web", "acr": "1",
			"sub": "f1c4f64e-2c0c-4cda-8c9f-9f3f8f3a2b0e", "sid": "4c0a3a8a-3a47-4f2f-8e89-9e5f9b0a0a0a",
			"allowed-origins": []string{"https://app.example.com"}, "realm_access": members{"roles": []string{"offline_access"}},
			"resource_access": members{
				"wallets-api": members{"roles": []string{"wallets:read"}},
				"account":     members{"roles": []string{"manage-account"}},
			},
			"scope": "openid email profile", "preferred_username": "alice",
		},
		id: "f1c4f64e-2c0c-4cda-8c9f-9f3f8f3a2b0e", scopes: "wallets:read", scope: "wallets:read",
		wrong: []wrongToken{
			{"without the mapper", members{"aud": "account"}, badToken},
			{"an ID token", members{"aud": "web", "typ": "ID"}, badToken},
			{"without the scope basic", members{"sub": nil}, badToken},
			{"of another realm", members{"iss": "https://id.example.com/realms/other"}, badToken},
			{"a role of another client", members{"resource_access": members{"web": members{"roles": []string{"wallets:read"}}}}, noScope},
			{"no roles", members{"resource_access": nil}, noScope},
		},
	},
	{
		name:   "Google",
		config: jwks.Config{Issuer: "https://accounts.google.com"},
		jwt:    google,
		header: members{"typ": "JWT"},
		claims: members{
			"azp": "1234567890-abc.apps.googleusercontent.com", "aud": "1234567890-abc.apps.googleusercontent.com",
			"sub": "110169484474386276334", "hd": "example.com", "email": "alice@example.com", "email_verified": true,
			"at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "name": "Alice",
		},
		id: "110169484474386276334", scopes: "wallets:read", scope: "wallets:read",
		wrong: []wrongToken{
			{"another client", members{"aud": "999-xyz.apps.googleusercontent.com"}, badToken},
			{"another domain", members{"hd": "other.example"}, badToken},
			{"a private account", members{"hd": nil}, badToken},
			{"the issuer without its scheme", members{"iss": "accounts.google.com"}, badToken},
		},
	},
	{
		name: "Clerk",
		config: jwks.Config{
			Issuer: "https://clerk.example.com",
			URL:    "https://clerk.example.com/.well-known/jwks.json",
		},
		jwt:    clerk,
		header: members{"typ": "JWT", "cat": "cl_B7d4PD111AAA"},
		claims: members{
			"azp": "https://app.example.com", "fva": []int{7, -1}, "nbf": time.Now().Add(-10 * time.Second).Unix(),
			"sid": "sess_2GaMqUCB3Sc1WNAkWuNzsnYVVEy", "sub": "user_2F2u1wtUyUlxKgFkKqtJNtpJJWj", "v": 2, "pla": "u:free",
			"o": members{"id": "org_2a1b", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3"},
		},
		id: "user_2F2u1wtUyUlxKgFkKqtJNtpJJWj", scopes: "wallets:*", scope: "wallets:write",
		wrong: []wrongToken{
			{"of another front end", members{"azp": "https://evil.example"}, badToken},
			{"of no front end", members{"azp": nil}, badToken},
			{"of another instance", members{"iss": "https://clerk.other.example"}, badToken},
			{"a member", members{"o": members{"id": "org_2a1b", "rol": "member"}}, noScope},
			{"the admin of another organization", members{"o": members{"id": "org_9z8y", "slg": "acme", "rol": "admin"}}, noScope},
			{"an admin of no organization", members{"o": members{"rol": "admin"}}, noScope},
			{"without an organization", members{"o": nil}, noScope},
		},
	},
	{
		name: "Supabase",
		config: jwks.Config{
			Issuer:     "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
			URL:        "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json",
			Algorithms: []string{"ES256"},
		},
		jwt:    supabase,
		header: members{"typ": "JWT"},
		claims: members{
			"aud": "authenticated", "sub": "123e4567-e89b-12d3-a456-426614174000", "role": "authenticated", "aal": "aal1",
			"session_id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "email": "alice@example.com", "phone": "", "is_anonymous": false,
			"app_metadata":  members{"provider": "email", "scopes": []string{"wallets:read"}},
			"user_metadata": members{"scopes": []string{"*"}},
			"amr":           []members{{"method": "password", "timestamp": 1}},
		},
		id: "123e4567-e89b-12d3-a456-426614174000", scopes: "wallets:read", scope: "wallets:read",
		wrong: []wrongToken{
			{"without a user", members{"aud": "anon", "role": "anon", "sub": nil}, badToken},
			{"of another project", members{"iss": "https://bbcdefghijklmnopqrst.supabase.co/auth/v1"}, badToken},
			{"an anonymous user", members{"is_anonymous": true}, noScope},
			{"what a user granted herself", members{"app_metadata": members{}}, noScope},
		},
	},
	{
		name:   "GitHub Actions",
		config: jwks.Config{Issuer: "https://token.actions.githubusercontent.com"},
		jwt:    githubActions,
		header: members{"typ": "JWT", "x5t": "eYtmn3xh5mMvAfPlOaOK0cSfgwk"},
		claims: members{
			"jti": "example-id", "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "aud": "https://api.example.com",
			"ref": "refs/heads/main", "sha": "abc", "repository": "octo-org/octo-repo", "repository_id": "74",
			"repository_owner": "octo-org", "repository_owner_id": "65", "repository_visibility": "private",
			"run_id": "30433642", "actor": "octocat", "workflow": "deploy", "event_name": "push", "ref_type": "branch",
			"job_workflow_ref": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
			"nbf":              time.Now().Add(-10 * time.Minute).Unix(),
		},
		id: "repo:octo-org/octo-repo:ref:refs/heads/main", owner: "octo-org/octo-repo",
		scopes: "wallets:read wallets:write", scope: "wallets:write",
		wrong: []wrongToken{
			{"another owner", members{"repository_owner_id": "66"}, badToken},
			{"another audience", members{"aud": "https://github.com/octo-org"}, badToken},
			{"another branch", members{"ref": "refs/heads/feature"}, noScope},
			{"a pull request", members{"event_name": "pull_request", "ref": "refs/pull/1/merge"}, noScope},
		},
	},
}
