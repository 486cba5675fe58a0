module github.com/blockauth/bearer/examples/keys

go 1.25.0

require (
	github.com/blockauth/bearer v0.1.0
	github.com/blockauth/bearer/issuer v0.1.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/alexedwards/argon2id v1.0.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace (
	github.com/blockauth/bearer => ../..
	github.com/blockauth/bearer/issuer => ../../issuer
)
