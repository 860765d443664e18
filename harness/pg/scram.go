package pg

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// scramIterations make guessing of weak passwords slow, and each connection cost a client one or two milliseconds of CPU with
// PostgreSQL's default of 4096. The passwords of a run are drawn with 128 bits, which nobody guesses at any speed; and clients
// that look for a new primary connect some hundred times a second.
const scramIterations = 64

// ScramVerifier is what the server keeps of a password: with it in ALTER ROLE, the password itself never reaches the server's log.
// The password must be ASCII, where SASLprep changes nothing (RFC 5802; pg_authid, "rolpassword").
func ScramVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails (crypto/rand)
	return scramVerifier(password, salt, scramIterations)
}

func scramVerifier(password string, salt []byte, iterations int) (string, error) {
	for _, b := range []byte(password) {
		if b < ' ' || b > '~' {
			return "", fmt.Errorf("scram: password with byte %#x: want printable ASCII", b)
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("scram: %w", err)
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(sign(salted, "Server Key"))), nil
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
