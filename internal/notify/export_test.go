package notify

var SecretsOf = secretsOf

// ReadCursor reads the file with the cursor of a receiver, and SaveCursor writes it.
func ReadCursor(dir, receiver, log string) (seq uint64, known bool, err error) {
	return readCursor(cursorFile{dir, receiver}, receiver, log)
}

func SaveCursor(dir, receiver, log string, seq uint64) error {
	return saveCursor(cursorFile{dir, receiver}, log, seq)
}
