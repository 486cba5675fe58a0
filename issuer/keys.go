package issuer

import (
	"net/http"
)

func (i *Issuer) serveCreateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveListKeys(w http.ResponseWriter, r *http.Request) error  { return errTodo }
func (i *Issuer) serveGetKey(w http.ResponseWriter, r *http.Request) error    { return errTodo }
func (i *Issuer) serveUpdateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveRevokeKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveRotateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveEndSecret(w http.ResponseWriter, r *http.Request) error { return errTodo }
