package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/youmark/pkcs8"
)

// maxKeyFile bounds the files with the certificate and the private key of section ssl, in
// bytes.
const maxKeyFile = 1 << 20

// keyPair reads the client's certificate and its private key. If the key is encrypted, ask
// returns its passphrase.
func keyPair(certFile, keyFile string, ask func() (string, error)) (tls.Certificate, error) {
	certs, err := readBounded(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("SSL certificate file %s: %w", quotePath(certFile), err)
	}
	keys := certs
	if keyFile != certFile {
		if keys, err = readBounded(keyFile); err != nil {
			return tls.Certificate{}, fmt.Errorf("SSL private key file %s: %w", quotePath(keyFile), err)
		}
	}
	key, err := plainKey(keys, ask)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("SSL private key file %s: %w", quotePath(keyFile), err)
	}
	cert, err := tls.X509KeyPair(certs, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("SSL certificate file %s: %w", quotePath(certFile), err)
	}
	return cert, nil
}

// quotePath puts a path into quotes. Unlike quote, it does not shorten it.
func quotePath(path string) string { return `"` + path + `"` }

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > maxKeyFile:
		return nil, fmt.Errorf("more than %d bytes", maxKeyFile)
	}
	return os.ReadFile(path)
}

// plainKey returns the first private key in PEM text, without encryption.
func plainKey(text []byte, ask func() (string, error)) ([]byte, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		//lint:ignore SA1019 the encryption is weak, but keys of this form exist, and OpenSSL reads them
		legacy := x509.IsEncryptedPEMBlock(block)
		if block.Type != "ENCRYPTED PRIVATE KEY" && !legacy {
			return pem.EncodeToMemory(block), nil
		}
		passphrase, err := ask()
		if err != nil {
			return nil, err
		}
		if legacy {
			return decryptLegacy(block, passphrase)
		}
		return decryptPKCS8(block, passphrase)
	}
	return nil, errors.New("there is no private key in it")
}

// errPassphrase says that a private key does not open. The passphrase is no part of any
// message.
var errPassphrase = errors.New("the passphrase does not open it (ssl.passphrase)")

// decryptLegacy decrypts a key in the form that OpenSSL wrote before version 1.0.
func decryptLegacy(block *pem.Block, passphrase string) ([]byte, error) {
	//lint:ignore SA1019 see plainKey
	der, err := x509.DecryptPEMBlock(block, []byte(passphrase))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
}

// decryptPKCS8 decrypts a key in the form that OpenSSL writes today.
func decryptPKCS8(block *pem.Block, passphrase string) ([]byte, error) {
	key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(passphrase))
	if err != nil && strings.Contains(err.Error(), "incorrect password") {
		return nil, errPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt the key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("decrypt the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// passphrase returns a function that returns the passphrase of the private key: that of
// the settings, or else the one that a person types.
func (c *Commands) passphrase(ctx context.Context) func() (string, error) {
	return func() (string, error) {
		switch {
		case c.Settings.TLS.Passphrase != "":
			return c.Settings.TLS.Passphrase, nil
		case c.AskPassphrase == nil:
			return "", errors.New("it is encrypted: set ssl.passphrase")
		}
		text, err := c.AskPassphrase(ctx)
		if err != nil {
			return "", fmt.Errorf("it is encrypted: set ssl.passphrase, or type it at a terminal: %w", err)
		}
		return text, nil
	}
}

// checkFiles returns zeek-client's error about a file that the settings name and that is
// not there.
func (t TLSSettings) checkFiles() error {
	for _, file := range []struct {
		name, path string
		isDir      bool
	}{
		{"SSL certificate file", t.Certificate, false}, {"SSL private key file", t.KeyFile, false},
		{"SSL trusted CAs file", t.CAFile, false}, {"SSL trusted CAs path", t.CAPath, true},
	} {
		if file.path == "" {
			continue
		}
		info, err := os.Stat(file.path)
		if err == nil && info.IsDir() != file.isDir || errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s %s not found", file.name, quotePath(file.path))
		}
	}
	return nil
}
