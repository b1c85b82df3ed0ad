package authority

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Effect is something that the shell must do now, in the order given. The Machine
// owns all data that an effect refers to: nobody may change it.
type Effect interface{ IsEffect() }

type (
	// Save asks the shell to store these changes durably, all or none. It is the last
	// effect of its Step. Saved or Deposed answers it as the very next event.
	Save struct{ Changes []Change }
	// Change replaces the value of a key. A nil Value deletes the key.
	Change struct {
		Key   string
		Value []byte
	}

	// Audit asks the shell to keep a record. It comes before the Reply that it is about.
	Audit struct{ Record mgmt.AuditRecord }
	// Reply answers a Request.
	Reply struct {
		ID     uint64
		Answer access.Answer
	}
	// Published says what the authority believes now. It comes before the Reply to the
	// request that has changed it. The Directory is the same as before if it has not
	// changed.
	Published struct{ View View }
	// Own is the controller's own certificate from now on, with its key and the
	// certificate of its authority.
	Own struct {
		Cert, Authority *x509.Certificate
		Key             crypto.Signer
	}
	// Note is for the log. If it is about a request, it says who asked for what, and what
	// the request is about.
	Note struct {
		note.Note
		Who              mgmt.Principal
		Request, Subject string
	}
)

// View is what is asked at each connection and each request. It never changes after it
// was made.
type View struct {
	Directory *access.Directory
	// Bearers are the API tokens, by ID.
	Bearers map[string]Bearer
	// Fresh are the serial numbers of certificates for which CertificateUsed is awaited.
	Fresh map[string]bool
}

// Bearer is an API token.
type Bearer struct {
	User    string
	Hash    [sha256.Size]byte
	Expires time.Time // zero for never
	// NextUse is when the next BearerUsed counts.
	NextUse time.Time
}

// The levels of a Note.
const (
	Info  = note.Info
	Warn  = note.Warn
	Error = note.Error
)

func (Save) IsEffect()      {}
func (Audit) IsEffect()     {}
func (Reply) IsEffect()     {}
func (Published) IsEffect() {}
func (Own) IsEffect()       {}
