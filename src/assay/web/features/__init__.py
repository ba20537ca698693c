"""How an application's own routes look entities up."""
