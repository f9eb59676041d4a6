# The studio in a container: locally, or as a Docker Space (user 1000, port 7860).
FROM python:3.11-slim
RUN useradd --create-home --uid 1000 user
USER user
ENV PATH="/home/user/.local/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    STUDIO_HOME=/home/user/studio
WORKDIR /home/user/app
COPY --chown=user requirements.txt .
RUN pip install --no-cache-dir --user -r requirements.txt
COPY --chown=user . .
EXPOSE 7860
# Run with --init, so that ended workers are reaped: docker run --init -p 127.0.0.1:7860:7860 IMAGE
CMD ["python", "app.py", "--host", "0.0.0.0"]
