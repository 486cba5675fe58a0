package issuer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// A pair is what a credential consists of, as it is sent and answered.
type pair struct {
	APIKey    string `json:"apiKey"`
	APISecret string `json:"apiSecret"`
}

func (i *Issuer) serveReplaceCredential(w http.ResponseWriter, r *http.Request) error {
	old, err := i.credentialOf(r)
	if err != nil {
		return err
	}
	chosen, isChosen, err := readPair(w, r)
	if err != nil {
		return err
	}
	if !isChosen {
		chosen = pair{newUUID(), mintSecret(credentialSecretPrefix)}
	}
	if chosen.APIKey == old.ID {
		return conflict("apiKey is the one that is to be replaced.")
	}
	if err := i.replaceCredential(r.Context(), old, chosen); err != nil {
		return err
	}
	if isChosen {
		return noContent(w)
	}
	return answer(w, http.StatusOK, chosen)
}

func (i *Issuer) serveDeleteCredential(w http.ResponseWriter, r *http.Request) error {
	old, err := i.credentialOf(r)
	if err != nil {
		return err
	}
	if err := i.endCredential(r.Context(), old, ""); err != nil {
		return err
	}
	i.tell(r.Context(), Event{
		Type: "credential.deleted", Actor: credentialSubject + old.ID, Target: old.ID, Owner: old.Owner,
	})
	return noContent(w)
}

// credentialOf returns the credential whose token a request has. Tokens of others
// are refused (403), and other credentials (401).
func (i *Issuer) credentialOf(r *http.Request) (Client, error) {
	p, err := i.guards.tokens.Check(r)
	if err != nil {
		return Client{}, err
	}
	id, isCredential := strings.CutPrefix(p.ID, credentialSubject)
	if !isCredential {
		return Client{}, forbidden("credential_required", "", "This takes the token of a credential.")
	}
	c, err := i.credential(r.Context(), id)
	if err == nil && c.ID == "" {
		err = tokenRevoked()
	}
	return c, err
}

// tokenRevoked refuses a token whose credential has ended after a guard had found
// it good (401).
func tokenRevoked() *bearer.Error {
	return &bearer.Error{Code: bearer.CodeUnauthorized, Reason: "token_revoked"}
}

// readPair reads the body of a replacement: a pair, or nothing. Members that do
// not exist are refused: a misspelled pair must not be taken for nothing.
func readPair(w http.ResponseWriter, r *http.Request) (p pair, isChosen bool, err error) {
	o, err := readOptional(w, r)
	if err != nil {
		return pair{}, false, err
	}
	if err := o.only("apiKey", "apiSecret"); err != nil {
		return pair{}, false, err
	}
	key, hasKey, err := o.optionalText("apiKey")
	if err != nil {
		return pair{}, false, err
	}
	secret, hasSecret, err := o.optionalText("apiSecret")
	if err != nil {
		return pair{}, false, err
	}
	if !hasKey && !hasSecret {
		return pair{}, false, nil
	}
	p, err = checkPair(key, secret)
	return p, true, err
}

// checkPair judges a pair that a client chose, and returns its canonical form. A
// member that is missing is empty.
func checkPair(key, secret string) (pair, error) {
	id, isUUID := parseUUID(key)
	switch {
	case key == "":
		return pair{}, invalid("apiKey", "apiKey and apiSecret are both required, or neither.")
	case secret == "":
		return pair{}, invalid("apiSecret", "apiKey and apiSecret are both required, or neither.")
	case !isUUID:
		return pair{}, invalid("apiKey", "apiKey must be a UUID.")
	case utf8.RuneCountInString(secret) < 32:
		return pair{}, invalid("apiSecret", "apiSecret must have 32 characters or more.")
	case len(secret) > 1<<10:
		return pair{}, invalid("apiSecret", "apiSecret must have 1 KiB or less.")
	}
	return pair{id, secret}, nil
}

// replaceCredential puts a new credential in the place of the old one. The new
// one is stored first, and means nothing until one write ends the old one and
// names it: so whatever fails, one of the two is good, and never both. What is
// left by a failure in between can be taken up again, by the old credential with
// the same pair.
func (i *Issuer) replaceCredential(ctx context.Context, old Client, p pair) error {
	if err := i.prepareSuccessor(ctx, old, p); err != nil {
		return refusalOf(err)
	}
	if err := i.endCredential(ctx, old, p.APIKey); err != nil {
		return err
	}
	i.changed(Change{Client: p.APIKey})
	i.tell(ctx, Event{
		Type: "credential.replaced", Actor: credentialSubject + old.ID, Target: old.ID, Owner: old.Owner,
		Detail: map[string]string{"replaced_by": p.APIKey},
	})
	return nil
}

// prepareSuccessor stores the new credential, or finds that it is stored: also by
// a request for the same replacement that comes at the same time.
func (i *Issuer) prepareSuccessor(ctx context.Context, old Client, p pair) error {
	taken, err := i.store.FindClient(ctx, p.APIKey)
	if errors.Is(err, ErrNotFound) {
		err = i.storeSuccessor(ctx, old, p)
		if !errors.Is(err, ErrExists) {
			return err
		}
		taken, err = i.store.FindClient(ctx, p.APIKey)
	}
	if err != nil {
		return err
	}
	return i.takeUp(ctx, old, taken, p.APISecret)
}

// takeUp lets a record stand that an earlier attempt at the same replacement
// stored. It is a conflict if the record is another's, or has another secret:
// another attempt may be about to end the old credential for it.
func (i *Issuer) takeUp(ctx context.Context, old, taken Client, secret string) error {
	if taken.Replaces != old.ID || taken.Owner != old.Owner || !taken.DeletedAt.IsZero() {
		return conflict("apiKey is taken.")
	}
	isSame, err := i.gate.matches(ctx, secret, taken.SecretHash)
	if err == nil && !isSame {
		return conflict("apiKey is taken.")
	}
	return err
}

// storeSuccessor stores a credential that has all that the old one has, but
// another pair.
func (i *Issuer) storeSuccessor(ctx context.Context, old Client, p pair) error {
	hash, err := i.gate.hash(ctx, p.APISecret)
	if err != nil {
		return err
	}
	return i.store.CreateClient(ctx, Client{
		ID:          p.APIKey,
		Owner:       old.Owner,
		Name:        old.Name,
		Credential:  true,
		Environment: old.Environment,
		Scopes:      old.Scopes,
		SecretHash:  hash,
		CreatedAt:   storeNow(),
		CreatedBy:   old.CreatedBy,
		Version:     1,
		Replaces:    old.ID,
	})
}

// endCredential deletes a credential, for the one with the ID successor if that
// is not "". If it has ended meanwhile, so has the token that asked (401). If the
// store failed, its answer may have been lost after the write: then it is looked
// up, since a minted pair that is not answered is lost for good.
func (i *Issuer) endCredential(ctx context.Context, old Client, successor string) error {
	return retry(ctx, func() error {
		ended := old
		ended.DeletedAt, ended.ReplacedBy = storeNow(), successor
		failure := i.replaceClient(ctx, &ended)
		if failure == nil {
			return nil
		}
		now, err := i.store.FindClient(ctx, old.ID)
		switch {
		case err != nil:
			return outage(errors.Join(failure, err))
		case now.DeletedAt.IsZero():
			old = now
			return failure
		case !isConflict(failure) && now.ReplacedBy == successor && now.Version == old.Version+1:
			return nil
		default:
			return tokenRevoked()
		}
	})
}
