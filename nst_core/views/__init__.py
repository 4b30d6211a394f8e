"""What people look at, made of run folders alone: galleries, contact sheets, reports."""
