package notify

var (
	ReadCursor = readCursor
	SaveCursor = saveCursor
	SecretsOf  = secretsOf
)
