package issuer

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// policyMembers are what clients may choose of a key at any time.
var policyMembers = []string{"name", "scopes", "allowed_ips", "allowed_origins", "expires_at", "metadata"}

// newKeyOf reads the body of a request for a new key. Members that are null are
// as absent.
func newKeyOf(o object) (APIKey, error) {
	if err := o.only(append([]string{"type", "environment"}, policyMembers...)...); err != nil {
		return APIKey{}, err
	}
	maps.DeleteFunc(o, func(name string, _ json.RawMessage) bool { return !o.has(name) })
	kind, err := o.text("type")
	if err != nil {
		return APIKey{}, err
	}
	env, hasEnv, err := o.optionalText("environment")
	if err != nil {
		return APIKey{}, err
	}
	var key APIKey
	if key.Kind = kindOf(kind); key.Kind == 0 {
		return APIKey{}, invalid("type", "type must be secret or publishable.")
	}
	if key.Environment = environmentOf(env); hasEnv && key.Environment == 0 {
		return APIKey{}, invalid("environment", "environment must be test or live.")
	}
	if _, err := o.text("name"); err != nil {
		return APIKey{}, err
	}
	change, err := changeOf(o)
	if err != nil {
		return APIKey{}, err
	}
	change(&key)
	return key, nil
}

func kindOf(text string) bearer.Kind {
	switch text {
	case bearer.SecretKey.String():
		return bearer.SecretKey
	case bearer.PublishableKey.String():
		return bearer.PublishableKey
	}
	return 0
}

func environmentOf(text string) bearer.Environment {
	switch text {
	case bearer.Test.String():
		return bearer.Test
	case bearer.Live.String():
		return bearer.Live
	}
	return 0
}

// changeOf reads what a body says of a key's policy, and returns what does it to a
// key: absent members change nothing, and null clears.
func changeOf(o object) (func(*APIKey), error) {
	var changes []func(*APIKey)
	for _, read := range []func(object) (func(*APIKey), error){
		changeOfName, changeOfScopes, changeOfAddresses, changeOfOrigins, changeOfExpiry, changeOfMetadata, changeOfDisabled,
	} {
		change, err := read(o)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return func(key *APIKey) {
		for _, change := range changes {
			change(key)
		}
	}, nil
}

// keep changes nothing.
func keep(*APIKey) {}

func changeOfName(o object) (func(*APIKey), error) {
	if _, isThere := o["name"]; !isThere {
		return keep, nil
	}
	name, err := o.text("name")
	return func(key *APIKey) { key.Name = name }, err
}

// changeOfScopes reads scopes; null is full access.
func changeOfScopes(o object) (func(*APIKey), error) {
	list, isThere, err := o.list("scopes")
	if err != nil || !isThere {
		return keep, err
	}
	if list == nil {
		return func(key *APIKey) { key.Scopes = bearer.FullAccess }, nil
	}
	for _, scope := range list {
		if bearer.Scope(scope).Validate() != nil {
			return nil, invalid("scopes", "An element of scopes is no scope.")
		}
	}
	scopes := bearer.Scopes(strings.Join(list, " "))
	return func(key *APIKey) { key.Scopes = scopes }, nil
}

// changeOfAddresses reads allowed_ips: addresses and networks.
func changeOfAddresses(o object) (func(*APIKey), error) {
	list, isThere, err := o.list("allowed_ips")
	if err != nil || !isThere {
		return keep, err
	}
	var networks []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if ip, noPrefix := netip.ParseAddr(text); noPrefix == nil && ip.Zone() == "" {
			p, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, invalid("allowed_ips", "allowed_ips must be addresses or networks, such as 192.0.2.0/24.")
		}
		networks = append(networks, p)
	}
	return func(key *APIKey) { key.AllowedIPs = networks }, nil
}

func changeOfOrigins(o object) (func(*APIKey), error) {
	list, isThere, err := o.list("allowed_origins")
	if err != nil || !isThere {
		return keep, err
	}
	return func(key *APIKey) { key.AllowedOrigins = slices.Clone(list) }, nil
}

func changeOfExpiry(o object) (func(*APIKey), error) {
	if _, isThere := o["expires_at"]; !isThere {
		return keep, nil
	}
	text, isThere, err := o.optionalText("expires_at")
	if err != nil {
		return nil, err
	}
	var t time.Time
	if isThere {
		if t, err = parseTime("expires_at", text); err != nil {
			return nil, err
		}
	}
	return func(key *APIKey) { key.ExpiresAt = t }, nil
}

func changeOfMetadata(o object) (func(*APIKey), error) {
	value, isThere := o["metadata"]
	if !isThere {
		return keep, nil
	}
	var pairs map[string]*string // null is no text
	if err := json.Unmarshal(value, &pairs); err != nil {
		return nil, invalid("metadata", "metadata must be an object of strings.")
	}
	texts := map[string]string{}
	for name, text := range pairs {
		if text == nil {
			return nil, invalid("metadata", "The values in metadata must be strings.")
		}
		texts[name] = *text
	}
	return func(key *APIKey) { key.Metadata = maps.Clone(texts) }, nil
}

func changeOfDisabled(o object) (func(*APIKey), error) {
	value, isThere := o["disabled"]
	switch {
	case !isThere:
		return keep, nil
	case string(value) != "true" && string(value) != "false":
		return nil, invalid("disabled", "disabled must be true or false.")
	}
	disabled := string(value) == "true"
	return func(key *APIKey) { key.Disabled = disabled }, nil
}

// list returns a member that may be absent, or null, which is nil, and else must
// be an array of strings with an element at least: an empty one would read as
// "none" and mean "all".
func (o object) list(name string) (list []string, isThere bool, err error) {
	value, isThere := o[name]
	if !o.has(name) {
		return nil, isThere, nil
	}
	var elements []*string // null is no text
	if err := json.Unmarshal(value, &elements); err != nil || slices.Contains(elements, nil) {
		return nil, true, invalid(name, name+" must be an array of strings.")
	}
	if len(elements) == 0 {
		return nil, true, invalid(name, name+" must not be empty: omit it, or use null, for all.")
	}
	for _, text := range elements {
		list = append(list, *text)
	}
	return list, true, nil
}
