"""The engine: decode once, show every view, ask every question once, keep what is finished."""
