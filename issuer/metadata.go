package issuer

import "net/http"

func (i *Issuer) serveKeySet(w http.ResponseWriter, r *http.Request) error           { return errTodo }
func (i *Issuer) serveServerMetadata(w http.ResponseWriter, r *http.Request) error   { return errTodo }
func (i *Issuer) serveResourceMetadata(w http.ResponseWriter, r *http.Request) error { return errTodo }
